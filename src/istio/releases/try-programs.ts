/**
 * Runs the programs of a release once before it counts: else a
 * program that does not start here would show only at a restart.
 */

import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { AgentError, isAgentError } from '../../base/errors.ts';
import { hasCode } from '../../host/files/file-errors.ts';
import { parseJson } from '../../host/json.ts';
import type { RunResult } from '../../host/programs/programs.ts';
import type { RunAsProxy } from '../as-proxy.ts';
import { RELEASE_FILES } from '../release.ts';
import { isSameRelease, parseIstioVersion } from '../version.ts';

const VersionAnswer = z.object({ clientVersion: z.object({ version: z.string().min(1) }) });
const TIMEOUT_MS = 30_000;

/**
 * The version that pilot-agent of a release's folder prints, once Envoy has run too; `run` runs both as istio-proxy.
 * Rejects with SMM442 when one of them does not run here.
 */
export async function tryPrograms(folder: string, run: RunAsProxy, signal?: AbortSignal): Promise<string> {
  const [pilotAgent] = await Promise.all([
    tryProgram([join(folder, RELEASE_FILES.pilotAgent), 'version', '-o', 'json'], run, signal),
    tryProgram([join(folder, RELEASE_FILES.envoy), '--version'], run, signal),
  ]);
  // Only standard output: libraries write lines of their own to standard error.
  const answer = VersionAnswer.safeParse(parseJson(pilotAgent.stdout));
  if (!answer.success) throw doesNotRun('pilot-agent', `it answers ${JSON.stringify(pilotAgent.stdout.slice(0, 200))}`);
  const said = answer.data.clientVersion.version.replace(/^v/, '');
  const version = parseIstioVersion(said)?.text ?? said;
  // It becomes a part of the release's name; a build from source may say 1.32-dev.
  if (!/^[0-9][0-9A-Za-z.+~-]{0,99}$/.test(version)) {
    throw doesNotRun('pilot-agent', `it names no version: ${JSON.stringify(said.slice(0, 100))}`);
  }
  return version;
}

/** As `tryPrograms`, and the version must be the same release (istio/version.ts). SMM443 when it is another. */
export async function requireVersion(
  folder: string,
  istioVersion: string,
  run: RunAsProxy,
  signal?: AbortSignal,
): Promise<void> {
  const version = await tryPrograms(folder, run, signal);
  if (isSameRelease(istioVersion, version)) return;
  throw new AgentError(
    'SMM443',
    `cannot use the package for Istio ${istioVersion}: its pilot-agent says that it is ${version}`,
    'compare the package with the official one; nothing of it was used',
  );
}

async function tryProgram(
  argv: [string, ...string[]],
  run: RunAsProxy,
  signal: AbortSignal | undefined,
): Promise<RunResult> {
  const result = await runNew(argv, run, signal);
  if (result.status === 0) return result;
  signal?.throwIfAborted();
  const how = result.signal === null ? `status ${result.status}` : `signal ${result.signal}`;
  throw doesNotRun(argv.join(' '), `it ended with ${how}: ${result.stderr.trim().slice(-500)}`);
}

/**
 * A program that was just written is "busy" for a moment if another part of the agent is starting a child just then:
 * between its fork and its exec, the child holds our descriptor of the program.
 */
async function runNew(
  argv: [string, ...string[]],
  run: RunAsProxy,
  signal: AbortSignal | undefined,
  triesLeft = 20,
): Promise<RunResult> {
  try {
    return await run(argv, { timeoutMs: TIMEOUT_MS, ...(signal === undefined ? {} : { signal }) });
  } catch (error) {
    signal?.throwIfAborted();
    const cause = error instanceof AgentError ? error.cause : error;
    if (!hasCode(cause, 'ETXTBSY') || triesLeft === 0) {
      throw isAgentError(error, 'SMM501') ? doesNotRun(argv[0], 'it cannot be started', error) : error;
    }
    await delay(20);
    return runNew(argv, run, signal, triesLeft - 1);
  }
}

function doesNotRun(what: string, why: string, cause?: unknown): AgentError {
  return new AgentError(
    'SMM442',
    `cannot use a release whose programs do not run on this machine: ${what}: ${why}`,
    'check that the package is made for this machine (libraries, architecture), and that /opt is not mounted noexec',
    cause === undefined ? undefined : { cause },
  );
}
