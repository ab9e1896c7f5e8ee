/**
 * Writes a stream to a file in large pieces while the next ones arrive. If the reader waited for each small write, the
 * program that feeds it would wait too: that doubled the time of unpacking.
 */
import type { FileHandle } from 'node:fs/promises';
import { dropBuffers } from '../memory.ts';

/** Each file that is being written holds two buffers of this size. */
const PIECE_BYTES = 512 * 1024;
/** After so many bytes a sync begins: else the fsync at the end would have to write all of a large file. */
const SYNC_BYTES = 16 * 1024 * 1024;
/**
 * After so many bytes the buffers that the reader used are collected: an agent that unpacked a Node held 25 MB of them.
 */
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

  /** Writing begins at the file's position. The caller closes the file, after `flush`. */
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
    // The next add or flush rejects with the error; until then it must not be an unhandled rejection.
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

  /** Runs beside the writes, which do not wait for it: on a slow disk the reader waits for writes only. */
  #beginSync(): void {
    this.#unsynced = 0;
    this.#sync = this.#file.datasync().then(() => {
      this.#sync = null;
    });
    this.#sync.catch(() => undefined);
  }
}
