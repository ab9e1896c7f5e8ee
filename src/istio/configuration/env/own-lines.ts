/** The two lines that the agent adds to the host's own env files. bash evaluates them each time that Istio starts. */

import { unchangeable } from '../problem.ts';
import { withLine } from './env-file.ts';
import { readEnvText } from './env-text.ts';

const SAFE_PATH = /^[A-Za-z0-9/._@+-]+$/;
const SAFE_GROUP = /^[a-z_][a-z0-9_-]*$/;
const FLAG_LINE = /^ISTIO_AGENT_FLAGS="\$\{ISTIO_AGENT_FLAGS:-\} --meshConfig [^" ]+"$/;
const GROUP_LINE =
  /^case ",\$\{ISTIO_OUTBOUND_OWNER_GROUPS_EXCLUDE:-\}," in \*,([^,]+),\*\) ;; \*\) if getent group \1 /;

/**
 * The env file with `--meshConfig <path>` last in ISTIO_AGENT_FLAGS: the last flag wins. A
 * path that an earlier call put there is replaced. If cluster.env sets the flags too, it needs
 * the line as well, since it is read after sidecar.env. Throws SMM306 for a path that would
 * not stay whole: the start script splits the flags at blanks and gives them to a shell.
 */
export function withMeshConfigFlag(sidecarEnv: string, meshPath: string): string {
  if (!SAFE_PATH.test(meshPath))
    throw unchangeable('sidecar.env', 'ISTIO_AGENT_FLAGS', `${meshPath} is not a plain path`);
  const line = `ISTIO_AGENT_FLAGS="\${ISTIO_AGENT_FLAGS:-} --meshConfig ${meshPath}"`;
  return withOwnLine(sidecarEnv, FLAG_LINE, line, 'ISTIO_AGENT_FLAGS');
}

/**
 * The env file with a line that exempts `group` from the redirect, beside the groups that are exempt already. The line
 * belongs to cluster.env, which is read last. It looks for the group at each start: a group that is missing then would
 * keep Istio from starting. An `if` without a match does not fail, so the line works under `set -e`.
 */
export function withGroupExcluded(env: string, group: string): string {
  const key = 'ISTIO_OUTBOUND_OWNER_GROUPS_EXCLUDE';
  if (!SAFE_GROUP.test(group)) throw unchangeable('cluster.env', key, `${group} is not the name of a group`);
  const line = [
    `case ",\${${key}:-}," in *,${group},*) ;; *)`,
    `if getent group ${group} >/dev/null 2>&1; then`,
    `${key}="\${${key}:+$${key},}${group}"; fi ;; esac`,
  ].join(' ');
  return withOwnLine(env, GROUP_LINE, line, key);
}

/** One such line only, and after everything else. */
function withOwnLine(text: string, own: RegExp, line: string, key: string): string {
  const lines = text.split('\n');
  if (lines.at(-1) === '' && lines.at(-2) === line && lines.filter((one) => own.test(one)).length === 1) return text;
  const others = lines.filter((one) => !own.test(one)).join('\n');
  if (!readEnvText(others).isClosed) throw unchangeable('an env file', key, 'a quote or a block in it is never closed');
  return withLine(others, line);
}
