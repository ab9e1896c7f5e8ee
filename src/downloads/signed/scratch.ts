/**
 * The folder in which tuf-js works. It reads and writes its metadata with plain calls: a kill leaves a torn file, and
 * with a torn root tuf-js would fail for ever. So each question gets a new copy of the known metadata, and the agent
 * takes from it what was verified.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checkpoint } from '../../host/files/checkpoints.ts';
import { fileError } from '../../host/files/file-errors.ts';
import { isBeingWritten, makeFolder, namesIn } from '../../host/files/files.ts';
import { removeTree } from '../../host/files/trees.ts';
import { readWithin } from './cache.ts';

const NAME = /^\.turn-(\d+)-[0-9a-f]{8}$/;

export class Scratch {
  readonly path: string;
  readonly #parent: string;

  /** It lies in `parent`, which must be a folder for the agent alone. */
  constructor(parent: string) {
    this.#parent = parent;
    this.path = join(parent, `.turn-${process.pid}-${randomBytes(4).toString('hex')}`);
  }

  /**
   * Makes it, with this root and the cached files, and removes what killed turns left. Rejects with SMM521 and SMM522.
   */
  async fill(root: Buffer, roles: ReadonlyMap<string, Buffer>): Promise<void> {
    await makeFolder(this.#parent, 0o755);
    await this.#removeLeftovers();
    try {
      await mkdir(this.path, { mode: 0o700 });
      for (const [name, content] of [...roles, ['root.json', root] as const]) {
        await writeFile(join(this.path, name), content);
      }
    } catch (cause) {
      throw fileError('write', this.path, cause);
    }
    checkpoint('repository-scratch-filled');
  }

  /** The root in use. Null when tuf-js could not write it whole. */
  root(maxBytes: number): Promise<Buffer | null> {
    return readWithin(join(this.path, 'root.json'), maxBytes);
  }

  /** The fetched files that tuf-js has verified, by name: it writes only those. */
  async verified(fetched: ReadonlyMap<string, Buffer>): Promise<Map<string, Buffer>> {
    const verified = new Map<string, Buffer>();
    for (const [role, content] of fetched) {
      const name = `${encodeURIComponent(role)}.json`;
      // tuf-js writes text: bytes that are not UTF-8 are changed in its file, although they were verified.
      const written = Buffer.from(content.toString('utf8'));
      const found = await readWithin(join(this.path, name), written.length);
      if (found?.equals(written) === true) verified.set(name, content);
    }
    return verified;
  }

  async remove(): Promise<void> {
    await removeTree(this.path);
  }

  async #removeLeftovers(): Promise<void> {
    for (const name of await namesIn(this.#parent)) {
      const [, pid] = NAME.exec(name) ?? [];
      const path = join(this.#parent, name);
      if (pid !== undefined && !(await isBeingWritten(path, Number(pid)))) await removeTree(path);
    }
  }
}
