/** Runs of the lab on this machine: each has a folder with its owner's identity; what a dead owner left is cleaned by the next run. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheRoot } from './cache.ts';
import { Ledger } from './ledger.ts';
import { identify, isAlive, type ProcessIdentity } from './process-identity.ts';
import { say } from './say.ts';

export interface Run {
  /** Part of every name that is visible outside of a namespace, so that two runs never meet. */
  readonly id: string;
  readonly folder: string;
}

function runsFolder(): string {
  return join(cacheRoot(), 'runs');
}

export function beginRun(): Run {
  const id = randomBytes(3).toString('hex');
  const folder = join(runsFolder(), id);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'owner.json'), JSON.stringify(identify(process.pid)));
  return { id, folder };
}

/** Ends everything that the run holds. The folder goes last, and only when nothing is mounted below it any more. */
export async function endRun(run: Run): Promise<void> {
  await new Ledger(run.folder).undoAll();
  if (process.env['SMM_LAB_KEEP'] === undefined) rmSync(run.folder, { recursive: true, force: true });
  else say(`kept the logs in ${run.folder}`);
}

export async function cleanDeadRuns(): Promise<void> {
  if (!existsSync(runsFolder())) return;
  for (const id of readdirSync(runsFolder())) {
    const folder = join(runsFolder(), id);
    const owner = join(folder, 'owner.json');
    // Without an owner it is a run between its folder and its file, or one that died there and holds nothing.
    if (!existsSync(owner) || isAlive(JSON.parse(readFileSync(owner, 'utf8')) as ProcessIdentity)) continue;
    say(`cleaning up after run ${id}, which has died`);
    await endRun({ id, folder });
  }
}
