/** What programs bring to the disk, in order, as the kernel sees it. Needs strace, no root and no VM. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { temporaryFolder } from '../../../support/temporary.ts';

export interface Rename {
  call: 'rename';
  from: string;
  to: string;
}

/**
 * What was done and did not fail, in order: an fsync counts when it has ended, a rename and an unlink when they begin.
 */
export type DiskEvent = { call: 'fsync' | 'unlink'; path: string } | Rename;

/** A rename, with its place among the events. */
export type PlacedRename = Rename & { index: number };

const CALLS = 'trace=fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat';

export class DiskTrace {
  readonly events: readonly DiskEvent[];
  /** Below `root` only: what a program does with its own caches is its own matter. */
  readonly renames: readonly PlacedRename[];

  private constructor(events: readonly DiskEvent[], root: string) {
    this.events = events;
    this.renames = events.flatMap((event, index) =>
      event.call === 'rename' && event.to.startsWith(`${root}/`) ? [{ ...event, index }] : [],
    );
  }

  /** Runs a program, with everything it starts. Rejects when it fails. */
  static async of(
    argv: readonly string[],
    root: string,
    env: Readonly<Record<string, string>> = {},
  ): Promise<DiskTrace> {
    await using folder = await temporaryFolder();
    const file = join(folder.path, 'trace');
    const options = ['-f', '-y', '-s', '4096', '-e', CALLS, '-o', file];
    await promisify(execFile)('strace', [...options, ...argv], { env: { ...process.env, ...env } });
    return new DiskTrace(parse(await readFile(file, 'utf8')), root);
  }

  /** Whether a file or folder was brought to disk between two places in the order. */
  isSynced(path: string, from: number, to: number): boolean {
    return this.events.slice(from, to).some((event) => event.call === 'fsync' && event.path === path);
  }

  /** The first place at which this was renamed to `path`, -1 for never. */
  renamedTo(path: string): number {
    return this.renames.find(({ to }) => to === path)?.index ?? -1;
  }

  /** The last place at which a path was removed, -1 for never. */
  removed(path: string): number {
    return this.events.findLastIndex((event) => event.call === 'unlink' && event.path === path);
  }

  /** Names that were not on disk before anything else got its name, or lost it. */
  lateNames(): string[] {
    return this.renames.flatMap(({ index, to }, at) => {
      const next = this.renames[at + 1]?.index ?? this.events.length;
      return this.isSynced(dirname(to), index, next) ? [] : [to];
    });
  }
}

function parse(trace: string): DiskEvent[] {
  const unfinished = new Map<string, DiskEvent>();
  const failed = new Set<DiskEvent>();
  const found: DiskEvent[] = [];
  for (const line of trace.split('\n')) {
    const [, pid = '', text = ''] = /^(\d+) +(.*)$/.exec(line) ?? [];
    const event = text.startsWith('<... ') ? unfinished.get(pid) : begun(text);
    if (event === undefined) continue;
    if (text.endsWith('<unfinished ...>')) unfinished.set(pid, event);
    if (/ = -1 \w+/.test(text)) failed.add(event);
    if (event.call === 'fsync' ? !text.endsWith('<unfinished ...>') : !text.startsWith('<... ')) found.push(event);
  }
  return found.filter((event) => !failed.has(event));
}

function begun(text: string): DiskEvent | undefined {
  const synced = /^f(?:data)?sync\(\d+<([^>]*)>/.exec(text)?.[1];
  if (synced !== undefined) return { call: 'fsync', path: synced };
  const removed = /^unlink\w*\((?:AT_FDCWD\S*, )?"(.*?)"/.exec(text)?.[1];
  if (removed !== undefined) return { call: 'unlink', path: removed };
  const [, from, to] = /^rename\w*\((?:AT_FDCWD\S*, )?"(.*)", (?:AT_FDCWD\S*, )?"(.*?)"/.exec(text) ?? [];
  return from === undefined || to === undefined ? undefined : { call: 'rename', from, to };
}
