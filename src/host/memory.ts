/**
 * Memory of a process that mostly waits. V8 collects garbage when it needs room, and an idle agent needs none for
 * hours: the garbage of its start or of a staging would stay resident all that time.
 */
import { getHeapStatistics } from 'node:v8';

/** More than an idle poll leaves behind. */
const GROWTH_BYTES = 2_000_000;
/** V8 drops the compiled code of a function that was not called during six collections: most of the code of a start. */
const COLLECTIONS_UNTIL_OLD = 6;

export class Memory {
  #settledBytes = 0;

  /**
   * To call at the end of a turn: gives the pages back that the turn needed (2 MB, in 25 ms). If the heap has grown
   * since the last time, collects everything that can be collected (a tenth of a second). Does nothing without
   * --expose-gc, which the launcher passes.
   */
  giveBack(): void {
    if (globalThis.gc === undefined) return;
    const hasGrown = usedBytes() - this.#settledBytes >= GROWTH_BYTES;
    const collections = hasGrown ? COLLECTIONS_UNTIL_OLD : 0;
    for (let count = 0; count < collections; count += 1) globalThis.gc({ type: 'major', execution: 'sync' });
    globalThis.gc({ type: 'major', execution: 'sync', flavor: 'last-resort' });
    if (hasGrown) this.#settledBytes = usedBytes();
  }
}

/**
 * To call after megabytes went through buffers: those lie outside of V8's heap, so that V8 sees no reason to collect
 * them. Takes half a millisecond. Does nothing without --expose-gc.
 */
export function dropBuffers(): void {
  globalThis.gc?.({ type: 'minor', execution: 'sync' });
}

function usedBytes(): number {
  return getHeapStatistics().used_heap_size;
}
