/**
 * A small file of the agent's state with a spare place in /run, which is another file system: when the file's own file
 * system is full, the content goes to the spare place, where every process finds it until the next boot.
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

  /** null when there is no file. Rejects with SMM520 when there is one and it cannot be read. */
  async read(): Promise<string | null> {
    return readText((await this.isElsewhere()) ? this.#spare : this.#path);
  }

  /**
   * Whether the newest content lies in the spare place. A version
   * that knows no spare place may have written the file since.
   */
  async isElsewhere(): Promise<boolean> {
    const [own, spare] = [await statOf(this.#path), await statOf(this.#spare)];
    return spare !== null && (own === null || own.mtimeMs <= spare.mtimeMs);
  }

  /**
   * Returns SMM522 when the content went to the spare place, null
   * when it went to the file. Rejects as writeAtomically does.
   */
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
