/**
 * Runs of the lab on this machine: each has a folder with its owner's identity. What a dead owner left (Ctrl-C,
 * SIGKILL, a crash) is cleaned up by a watcher that outlives it, or else by the next run.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheRoot } from '../parts/cache.ts';
import { say } from '../say.ts';
import { Ledger } from './ledger.ts';
import { withLock } from './lock.ts';
import { identify, isAlive, type ProcessIdentity } from './process-identity.ts';

export interface Run {
  /** Part of every name that is visible outside of a namespace, so that two runs never meet. */
  readonly id: string;
  readonly folder: string;
}

function runsFolder(): string {
  return join(cacheRoot(), 'runs');
}

export function beginRun(): Run & { readonly owner: ProcessIdentity } {
  const id = randomBytes(3).toString('hex');
  const folder = join(runsFolder(), id);
  mkdirSync(folder, { recursive: true });
  const owner = identify(process.pid);
  if (owner === undefined) throw new Error('cannot begin a run: /proc does not show this process');
  writeFileSync(join(folder, 'owner.json'), JSON.stringify(owner));
  watchOver(process.pid);
  return { id, folder, owner };
}

/**
 * Waits for the owner's end, in a session of its own, and cleans up then; after an orderly end there is nothing left to
 * clean.
 */
function watchOver(owner: number): void {
  const log = openSync(join(cacheRoot(), 'cleaning.log'), 'w');
  const script = 'tail --pid="$1" -f /dev/null; exec "$2" "$3"';
  const argv = ['-c', script, 'sh', String(owner), process.execPath, join(import.meta.dirname, 'clean-main.ts')];
  spawn('sh', argv, { detached: true, cwd: '/', stdio: ['ignore', log, log] }).unref();
  closeSync(log);
}

/** Ends everything that the run holds. The folder goes last, and only when nothing is mounted below it any more. */
export async function endRun(run: Run): Promise<void> {
  await oneAtATime(() => dismantle(run));
}

async function dismantle(run: Run): Promise<void> {
  await new Ledger(run.folder).undoAll();
  if (process.env.SMM_LAB_KEEP === undefined) rmSync(run.folder, { recursive: true, force: true });
  else say(`kept the logs in ${run.folder}`);
}

export async function cleanDeadRuns(): Promise<void> {
  await oneAtATime(cleanAll);
}

/**
 * The watcher of a dead run and the next run, or an interrupted runner that tears down twice, would otherwise undo the
 * same things.
 */
async function oneAtATime(work: () => Promise<void>): Promise<void> {
  mkdirSync(join(cacheRoot(), 'locks'), { recursive: true });
  await withLock(join(cacheRoot(), 'locks', 'cleaning'), work);
}

async function cleanAll(): Promise<void> {
  if (!existsSync(runsFolder())) return;
  for (const id of readdirSync(runsFolder())) {
    const folder = join(runsFolder(), id);
    const owner = join(folder, 'owner.json');
    // Without an owner it is a run between its folder and its file, or one that died there and holds nothing.
    if (!existsSync(owner) || isAlive(JSON.parse(readFileSync(owner, 'utf8')) as ProcessIdentity)) continue;
    say(`cleaning up after run ${id}, which has died`);
    await dismantle({ id, folder });
  }
}
