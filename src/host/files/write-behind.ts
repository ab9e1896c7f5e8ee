/**
 * Writes a stream to a file in large pieces while the next ones come in: a reader that waits for each small write keeps
 * the program that feeds it waiting as well, which doubled the time of unpacking.
 */
import type { FileHandle } from 'node:fs/promises';
import { dropBuffers } from '../memory.ts';

/** Two of these are held for each file that is being written. */
const PIECE_BYTES = 512 * 1024;
/** After so many bytes the disk begins with them: else all of a large file is left to the fsync at its end. */
const SYNC_BYTES = 16 * 1024 * 1024;
/** After so many bytes the buffers are given up that they came in: an agent that unpacks a Node held 25 MB of them at times. */
const DROP_BYTES = 4 * 1024 * 1024;

export class WriteBehind {
  readonly #file: FileHandle;
  #filling = Buffer.allocUnsafe(PIECE_BYTES);
  #writing = Buffer.allocUnsafe(PIECE_BYTES);
  #filled = 0;
  #inFlight: Promise<void> = Promise.resolve();
  #unsynced = 0;
  #undropped = 0;
  #sync: Promise<void> | null = null;

  /** The file's position is where writing begins; whoever opened it closes it, after `flush`. */
  constructor(file: FileHandle) {
    this.#file = file;
  }

  /** Takes a copy of the block. Rejects with the error of an earlier write. */
  async add(block: Uint8Array): Promise<void> {
    for (let at = 0; at < block.length; ) {
      const part = block.subarray(at, at + PIECE_BYTES - this.#filled);
      this.#filling.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled === PIECE_BYTES) await this.#begin();
    }
  }

  /** Resolves when everything that was added is written (not yet on disk: that is fsync's work). */
  async flush(): Promise<void> {
    if (this.#filled > 0) await this.#begin();
    await this.#inFlight;
    await this.#sync;
  }

  async #begin(): Promise<void> {
    await this.#inFlight;
    [this.#filling, this.#writing] = [this.#writing, this.#filling];
    this.#inFlight = this.#file.writeFile(this.#writing.subarray(0, this.#filled));
    // The next add or flush tells of an error; until then it is not unhandled.
    this.#inFlight.catch(() => undefined);
    this.#unsynced += this.#filled;
    this.#undropped += this.#filled;
    this.#filled = 0;
    if (this.#undropped >= DROP_BYTES) {
      this.#undropped = 0;
      dropBuffers();
    }
    if (this.#unsynced >= SYNC_BYTES && this.#sync === null) this.#beginSync();
  }

  /** Beside the writing, never before it: a slow disk must not slow the reader down more than its writes do. */
  #beginSync(): void {
    this.#unsynced = 0;
    this.#sync = this.#file.datasync().then(() => {
      this.#sync = null;
    });
    this.#sync.catch(() => undefined);
  }
}
