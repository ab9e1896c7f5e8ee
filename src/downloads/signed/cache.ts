/**
 * Metadata that was verified before, on disk. With it the agent sees that a repository is older than before, and need
 * not fetch every root again. The cache is not trusted: it is verified again each time, and a torn file is fetched
 * again.
 *
 * `<folder>/roots/N.root.json`, and the newest of every other role as `<folder>/<role>.json`.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileError } from '../../host/files/file-errors.ts';
import { makeFolder, namesIn, removeFile, writeAtomically } from '../../host/files/files.ts';
import { removeTree, statOf } from '../../host/files/trees.ts';
import { bytesOf, type MetadataLimits } from './limits.ts';

/**
 * The order of writing, which a kill may cut off anywhere: files that are older than the timestamp are fetched again.
 */
const ORDER = ['timestamp.json', 'snapshot.json', 'targets.json'];

export class MetadataCache {
  readonly #folder: string;
  readonly #limits: MetadataLimits;

  constructor(folder: string, limits: MetadataLimits) {
    this.#folder = folder;
    this.#limits = limits;
  }

  /** Null when it is absent, not a file, or too large. Rejects with SMM520. */
  root(version: number): Promise<Buffer | null> {
    return readWithin(this.#rootFile(version), this.#limits.rootBytes);
  }

  /** The cached files of the other roles, by their names. */
  async roles(): Promise<Map<string, Buffer>> {
    const found = new Map<string, Buffer>();
    for (const name of await namesIn(this.#folder)) {
      if (!name.endsWith('.json')) continue;
      const content = await readWithin(join(this.#folder, name), bytesOf(name.slice(0, -5), this.#limits));
      if (content !== null) found.set(name, content);
    }
    return found;
  }

  async forgetRoot(version: number): Promise<void> {
    await removeFile(this.#rootFile(version));
  }

  /**
   * Keeps what was verified; returns when that is on disk. A kill leaves
   * the older state or a part of the new one: the next turn can use both.
   */
  async keep(roots: ReadonlyMap<number, Buffer>, roles: ReadonlyMap<string, Buffer>): Promise<void> {
    await makeFolder(join(this.#folder, 'roots'), 0o755);
    for (const [version, content] of [...roots].sort(([a], [b]) => a - b)) {
      await replace(this.#rootFile(version), content);
    }
    const before = await this.roles();
    const rank = (name: string) => (ORDER.includes(name) ? ORDER.indexOf(name) : ORDER.length);
    for (const [name, content] of [...roles].sort(([a], [b]) => rank(a) - rank(b))) {
      if (before.get(name)?.equals(content) !== true) await replace(join(this.#folder, name), content);
    }
  }

  #rootFile(version: number): string {
    return join(this.#folder, 'roots', `${version}.root.json`);
  }
}

/** A file's content, null when there is no file, or one that is too large. Rejects with SMM520. */
export async function readWithin(path: string, maxBytes: number): Promise<Buffer | null> {
  const stat = await statOf(path);
  if (stat === null || !stat.isFile() || stat.size > maxBytes) return null;
  try {
    return await readFile(path);
  } catch (cause) {
    throw fileError('read', path, cause);
  }
}

/** A folder at the path of a file would keep every turn from writing it. */
async function replace(path: string, content: Buffer): Promise<void> {
  if ((await statOf(path))?.isDirectory() === true) await removeTree(path);
  await writeAtomically(path, content, { mode: 0o644 });
}
