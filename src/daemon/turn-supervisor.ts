/**
 * Makes sure that a turn ends: a turn without progress is first reported, then cut off, and in the end its process
 * exits.
 */
import { AgentError } from '../base/errors.ts';
import type { Clock } from '../host/clock.ts';
import type { Tell } from '../turn/events.ts';

/**
 * On a healthy machine no step takes so long without an event; everything that waits has a shorter deadline of its own.
 */
const HANGS_AFTER_MS = 5 * 60_000;
/** For a whole turn after the last byte of a download: unpacking on a slow disk takes ten minutes at most. */
const DEADLINE_MS = 20 * 60_000;
/** A step that is cut off ends within a second or so. */
const ENDING_MS = 30_000;

export interface Supervised {
  clock: Clock;
  tell: Tell;
  signal: AbortSignal;
  /** Called once when the turn hangs, with the time and the step. Must not be waited for, since it may hang as well. */
  hangs(sentence: string): void;
}

/** A turn that cannot even be cut off: the process has to exit, which frees the turn's locks and files. */
export class TurnStuck extends AgentError {}

/**
 * Resolves as `turn`. At the deadline the turn is cut off: rejects with SMM514 when the turn has ended, and with
 * TurnStuck (SMM515) when it does not end.
 */
export async function supervised<T>(
  turn: (tell: Tell, signal: AbortSignal) => Promise<T>,
  parts: Supervised,
): Promise<T> {
  const { clock, signal } = parts;
  const [cut, over] = [new AbortController(), new AbortController()];
  const place = new Place(clock);
  const tell: Tell = (event) => {
    place.moved(event);
    parts.tell(event);
  };
  const work = turn(tell, AbortSignal.any([signal, cut.signal]));
  const watching = watch(place, parts, over.signal).then(async (words) => {
    cut.abort(late(words));
    await clock.sleep(ENDING_MS, over.signal);
    throw stuck(words);
  });
  try {
    return await Promise.race([work, ignoringEnd(watching, over.signal)]);
  } finally {
    over.abort(new Error('the turn is over'));
  }
}

/** Resolves at the deadline, with the words that say since when the turn has been hanging, and where. */
async function watch(place: Place, { clock, hangs }: Supervised, over: AbortSignal): Promise<string> {
  let reportedMs = -1;
  for (;;) {
    const quietMs = clock.bootTimeMs() - place.movedAtMs;
    const leftMs = place.deadlineMs - clock.bootTimeMs();
    if (leftMs <= 0) return place.describe();
    if (quietMs >= HANGS_AFTER_MS && reportedMs !== place.movedAtMs) {
      reportedMs = place.movedAtMs;
      hangs(`the turn ${place.describe()}`);
      continue;
    }
    const untilQuietMs = reportedMs === place.movedAtMs ? leftMs : HANGS_AFTER_MS - quietMs;
    await clock.sleep(Math.min(leftMs, Math.max(untilQuietMs, 1)), over);
  }
}

/** The watch is aborted when the turn is over: this must not reject. */
function ignoringEnd(watching: Promise<never>, over: AbortSignal): Promise<never> {
  return watching.catch((error: unknown) => {
    if (over.aborted) return new Promise<never>(() => {});
    throw error;
  });
}

/** Where the turn is, according to its events. */
class Place {
  readonly #clock: Clock;
  movedAtMs: number;
  deadlineMs: number;
  #movedAt: Date;
  #at = 'the observation of the machine';
  #learnt = 0;
  #bytes = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#movedAt = clock.now();
    this.movedAtMs = clock.bootTimeMs();
    this.deadlineMs = this.movedAtMs + DEADLINE_MS;
  }

  moved(event: Parameters<Tell>[0]): void {
    if (event.kind === 'progress') {
      // An event with the same number is no progress.
      if (event.bytes === this.#bytes) return;
      this.#bytes = event.bytes;
      this.deadlineMs = this.#clock.bootTimeMs() + DEADLINE_MS;
    }
    this.#movedAt = this.#clock.now();
    this.movedAtMs = this.#clock.bootTimeMs();
    if (event.kind === 'learnt') this.#at = this.#learnt++ === 0 ? 'the request to the control plane' : 'the decision';
    if (event.kind === 'begun') this.#at = `the step ${event.step}`;
    if (event.kind === 'done' || event.kind === 'failed') this.#at = `the observation after ${event.step}`;
  }

  describe(): string {
    return `has been hanging since ${this.#movedAt.toISOString()} at ${this.#at}`;
  }
}

function late(words: string): AgentError {
  const remedy = 'check the disks and mounts of this machine; the next poll tries again';
  return new AgentError('SMM514', `cannot finish the turn: it ${words}`, remedy);
}

function stuck(words: string): TurnStuck {
  const remedy = 'check the disks and mounts of this machine; the agent exits, and systemd starts it again';
  return new TurnStuck('SMM515', `cannot stop the turn: it ${words}`, remedy);
}
