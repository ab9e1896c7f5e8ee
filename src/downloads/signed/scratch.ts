/**
 * The folder in which tuf-js works: it reads and writes its metadata with plain calls, which a kill leaves torn, and a torn
 * root would end it for ever. So it gets a copy of what is known, made anew, and what it verified is fetched from there.
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

  /** It lies in `parent`, whose name must be taken by nobody else. */
  constructor(parent: string) {
    this.#parent = parent;
    this.path = join(parent, `.turn-${process.pid}-${randomBytes(4).toString('hex')}`);
  }

  /** Makes it, with this root and what the cache has; what killed turns left goes. Rejects with SMM521 and SMM522. */
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

  /** Which of the fetched files tuf-js has verified, by the name of the file: those are what it wrote. */
  async verified(fetched: ReadonlyMap<string, Buffer>): Promise<Map<string, Buffer>> {
    const verified = new Map<string, Buffer>();
    for (const [role, content] of fetched) {
      const name = `${encodeURIComponent(role)}.json`;
      // It writes text: bytes that are none look otherwise there, and have been verified all the same.
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
