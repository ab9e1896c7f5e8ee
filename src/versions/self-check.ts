/**
 * Runs the self-check of a version: as a child, on the real
 * configuration and state, before the version may run the machine.
 */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import type { Paths } from '../base/paths.ts';
import { parseJson } from '../host/json.ts';
import { type RunResult, run } from '../host/programs/programs.ts';
import { passedSince, SelfCheckFailed, wrongMachine } from './errors.ts';
import type { VersionStore } from './store.ts';
import { knowsProbation } from './version.ts';

/** What `smm-agent self-check --json` prints, from 0.2.0 on. */
export const SelfCheckAnswer = z.object({
  format: z.literal(1),
  version: z.string(),
  checks: z.array(z.object({ name: z.string(), ok: z.boolean(), said: z.string() })).min(1),
});
export type SelfCheckAnswer = z.infer<typeof SelfCheckAnswer>;

/** A check takes half a second; a version that hangs fails here. */
const TIMEOUT_MS = 20_000;
const EVIDENCE_CHARS = 4000;
/** The program was just written: a child that another part of the agent is starting may still hold our descriptor. */
const BUSY = /text file busy/i;
const BUSY_TRIES = 20;
const BUSY_MS = 20;

/** Rejects with SelfCheckFailed unless the version in `folder` answers that it works here. */
export async function requireSelfCheck(
  { bin, root }: Pick<Paths, 'bin' | 'root'>,
  folder: string,
  version: string,
  signal?: AbortSignal,
): Promise<void> {
  const below = root === '/' ? [] : ['--root', root];
  const argv: [string, ...string[]] = [join(bin, 'agent-run'), folder, ...below, 'self-check', '--json'];
  const ended = await ask(argv, version, signal);
  const answer = SelfCheckAnswer.safeParse(parseJson(ended.stdout)).data;
  const evidence = `${ended.stdout}${ended.stderr}`.slice(-EVIDENCE_CHARS);
  const failed = answer?.checks.find(({ ok }) => !ok);
  if (failed !== undefined) throw new SelfCheckFailed(version, `${failed.name}: ${failed.said}`, evidence);
  if (ended.status !== 0) throw new SelfCheckFailed(version, howItEnded(ended), evidence);
  // Status 0 alone says nothing: a program that does nothing at all ends with it too.
  if (answer === undefined) throw new SelfCheckFailed(version, 'it did not answer', evidence);
  if (answer.version !== version) throw new SelfCheckFailed(version, `it says that it is ${answer.version}`, evidence);
}

/**
 * After `to` has failed its self-check: runs the one of `from`, the version that runs, and then that of `to` again.
 * Rejects with SMM709 when `from` fails too, or `to` passes now: a configuration that is being edited, or a machine
 * that cannot start programs, is not the fault of the new version.
 */
export async function requireFaultOf(
  store: VersionStore,
  { to, said }: { to: string; said: string },
  from: string,
  signal?: AbortSignal,
): Promise<void> {
  if (!(await knowsProbation(from))) return;
  try {
    // By `current`, as it was started: agent-heal may have pointed that to the version of the package.
    await requireSelfCheck(store.paths, store.paths.current, from, signal);
  } catch (error) {
    if (error instanceof SelfCheckFailed) throw wrongMachine(to, from, error.said);
    throw error;
  }
  try {
    await requireSelfCheck(store.paths, store.folder(to), to, signal);
  } catch (error) {
    if (error instanceof SelfCheckFailed) return;
    throw error;
  }
  throw passedSince(to, said);
}

async function ask(argv: [string, ...string[]], version: string, signal: AbortSignal | undefined): Promise<RunResult> {
  for (let tries = 1; ; tries += 1) {
    let ended: RunResult;
    try {
      ended = await run(argv, { timeoutMs: TIMEOUT_MS, ...(signal === undefined ? {} : { signal }) });
    } catch (error) {
      signal?.throwIfAborted();
      throw new SelfCheckFailed(version, error instanceof Error ? error.message : String(error), '');
    }
    signal?.throwIfAborted();
    if (!BUSY.test(ended.stderr) || tries === BUSY_TRIES) return ended;
    await delay(BUSY_MS);
  }
}

function howItEnded({ status, signal, stderr }: RunResult): string {
  const said = stderr.trim().split('\n').at(-1)?.slice(-500) ?? '';
  return `it ended with ${signal ?? `status ${status}`}${said === '' ? '' : `: ${said}`}`;
}
