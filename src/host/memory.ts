/**
 * Memory of a process that mostly waits. V8 collects when it needs room, which an idle agent does not for hours: what its
 * start or a staging has left behind would stay resident all that time.
 */
import { getHeapStatistics } from 'node:v8';

/** More than an idle poll leaves behind. */
const GROWTH_BYTES = 2_000_000;
/** V8 drops what it compiled of a function that nobody called during six collections: most of what a start needs. */
const COLLECTIONS_UNTIL_OLD = 6;

export class Memory {
  #settledBytes = 0;

  /**
   * For the end of a turn: the pages that it needed are given back until the next one, 2 MB of them for 25 ms. When the heap has grown
   * since the last time, everything is collected that can be (a tenth of a second). Does nothing without --expose-gc, which the launcher
   * passes.
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
 * For whoever has handed megabytes from one buffer to the next: these lie outside of V8's heap, which sees no reason to collect them.
 * Takes half a millisecond. Does nothing without --expose-gc.
 */
export function dropBuffers(): void {
  globalThis.gc?.({ type: 'minor', execution: 'sync' });
}

function usedBytes(): number {
  return getHeapStatistics().used_heap_size;
}
