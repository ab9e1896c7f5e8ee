/**
 * A small file of the agent's state that has a spare place in /run, another file system: where its own is full, what was learnt is kept
 * there, for every process and until the next boot.
 */
import { dirname } from 'node:path';
import type { AgentError } from '../../base/errors.ts';
import { isFull } from './file-errors.ts';
import { makeFolder, readText, removeFile, writeAtomically } from './files.ts';
import { statOf } from './trees.ts';

export class FileWithSpare {
  readonly #path: string;
  readonly #spare: string;

  constructor(path: string, spare: string) {
    this.#path = path;
    this.#spare = spare;
  }

  /** null when there is none. Rejects with SMM520 when it is there and cannot be read. */
  async read(): Promise<string | null> {
    return readText((await this.isElsewhere()) ? this.#spare : this.#path);
  }

  /** Whether what was written last lies in the spare place. A version that knows of none may have written the file since. */
  async isElsewhere(): Promise<boolean> {
    const [own, spare] = [await statOf(this.#path), await statOf(this.#spare)];
    return spare !== null && (own === null || own.mtimeMs <= spare.mtimeMs);
  }

  /** Returns why it could not be written where it belongs (SMM522), null when it was. Rejects as writeAtomically does. */
  async write(text: string): Promise<AgentError | null> {
    try {
      await writeAtomically(this.#path, text, { mode: 0o644 });
    } catch (error) {
      if (!isFull(error)) throw error;
      await makeFolder(dirname(this.#spare), 0o755);
      await writeAtomically(this.#spare, text, { mode: 0o644 });
      return error;
    }
    await removeFile(this.#spare);
    return null;
  }

  /** Needs no room. */
  async remove(): Promise<void> {
    await removeFile(this.#spare);
    await removeFile(this.#path);
  }
}
