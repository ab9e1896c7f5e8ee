/**
 * Runs programs as the user that runs Envoy: root may execute and enter more than
 * istio-proxy. The agent's unit may not become another user, so systemd runs the program.
 * It sees the machine as Istio does, with modes, owners, groups, ACLs and mounts.
 */

import type { Paths } from '../base/paths.ts';
import { isRoot } from '../host/files/files.ts';
import { type RunOptions, type RunResult, run } from '../host/programs/programs.ts';

/** The user of Istio's package: its start script starts pilot-agent as this user. */
const PROXY_USER = 'istio-proxy';

export type RunAsProxy = (argv: readonly [string, ...string[]], options?: RunOptions) => Promise<RunResult>;

/**
 * As `run`. Below another root than '/', without root, and on a
 * machine without istio-proxy, the program keeps our own user.
 */
export function asProxy({ root }: Pick<Paths, 'root'>): RunAsProxy {
  return async (argv, options = {}) => {
    if (root !== '/' || !isRoot() || !(await hasProxyUser())) return run(argv, options);
    const { timeoutMs = 30_000 } = options;
    const asked = ['systemd-run', '--quiet', '--wait', '--pipe', '--collect', `--uid=${PROXY_USER}`] as const;
    // systemd ends the program too: it must not run on after the
    // deadline. systemd's own two lines in the journal say nothing.
    const limits = [`--property=RuntimeMaxSec=${Math.ceil(timeoutMs / 1000)}`, '--property=LogLevelMax=warning'];
    return run([...asked, ...limits, '--', ...argv], options);
  };
}

async function hasProxyUser(): Promise<boolean> {
  return (await run(['id', '-u', PROXY_USER])).status === 0;
}
