/**
 * What a run of the lab holds of the machine: processes, namespaces, mounts, cgroups. Each has a file of its own,
 * written before the resource is made (for a process: right after its start). So the teardown, by the run itself or by
 * a later run that finds it dead, knows everything that it must undo.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { removeCgroups } from '../machine/cgroups.ts';
import { until } from '../until.ts';
import { isAlive, type ProcessIdentity, signal } from './process-identity.ts';
import { must, run } from './run.ts';

export type Resource =
  | { readonly kind: 'process'; readonly what: string; readonly identity: ProcessIdentity }
  | { readonly kind: 'netns'; readonly name: string }
  | { readonly kind: 'mount'; readonly path: string }
  | { readonly kind: 'cgroup'; readonly name: string };

const TERM_MS = 5_000;
/** For a teardown: what a run's programs would still do in an orderly end is thrown away with it. */
const TEARDOWN_TERM_MS = 1_500;

export class Ledger {
  readonly #folder: string;

  constructor(runFolder: string) {
    this.#folder = join(runFolder, 'ledger');
  }

  /** Returns the way to undo this one resource: the same that a teardown would do. */
  add(resource: Resource): () => Promise<void> {
    mkdirSync(this.#folder, { recursive: true });
    // The monotonic clock is the same for all processes of the machine, so the names sort in the order of making.
    const entry = join(
      this.#folder,
      `${process.hrtime.bigint().toString().padStart(20, '0')}-${process.pid}-${resource.kind}`,
    );
    writeFileSync(entry, JSON.stringify(resource));
    return async () => {
      await undo(resource, TERM_MS);
      rmSync(entry, { force: true });
    };
  }

  /**
   * Everything, the youngest first. Goes on after a failure, and reports all failures at the end: half a teardown
   * leaves more behind.
   */
  async undoAll(): Promise<void> {
    const failures: unknown[] = [];
    // All at once, before any is waited for: the API server, for one, ends only when its clients have.
    for (const entry of this.#entries()) {
      const resource = read(entry);
      if (resource.kind === 'process') signal(resource.identity, 'SIGTERM');
    }
    for (const entry of this.#entries().reverse()) {
      try {
        await undo(read(entry), TEARDOWN_TERM_MS);
        rmSync(entry, { force: true });
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0)
      throw new AggregateError(failures, `cannot undo ${failures.length} of the lab's resources`);
  }

  #entries(): string[] {
    mkdirSync(this.#folder, { recursive: true });
    return readdirSync(this.#folder)
      .sort()
      .map((name) => join(this.#folder, name));
  }
}

function read(entry: string): Resource {
  return JSON.parse(readFileSync(entry, 'utf8')) as Resource;
}

async function undo(resource: Resource, termMs: number): Promise<void> {
  switch (resource.kind) {
    case 'process':
      return end(resource.what, resource.identity, termMs);
    case 'netns':
      if (
        (await run(['ip', 'netns', 'list'])).stdout.split('\n').some((line) => line.split(' ')[0] === resource.name)
      ) {
        await must(['ip', 'netns', 'del', resource.name]);
      }
      return;
    case 'mount':
      if (isMounted(resource.path)) await must(['umount', resource.path]);
      return;
    case 'cgroup':
      return removeCgroups(resource.name);
  }
}

/** SIGTERM, and SIGKILL for what has not ended by itself in that time. */
export async function end(what: string, identity: ProcessIdentity, termMs = TERM_MS): Promise<void> {
  signal(identity, 'SIGTERM');
  try {
    await until(`the end of ${what}`, () => !isAlive(identity), termMs);
  } catch {
    // It had its chance to end by itself; what it holds is thrown away with the run in any case.
    signal(identity, 'SIGKILL');
    await until(`the end of ${what} after SIGKILL`, () => !isAlive(identity), TERM_MS);
  }
}

function isMounted(path: string): boolean {
  return readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .some((line) => line.split(' ')[1] === path);
}
