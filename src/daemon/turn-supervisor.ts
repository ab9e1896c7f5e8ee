/** Sees to it that a turn ends: one that does not get on is said to hang, then ended, and in the end its process with it. */
import { AgentError } from '../base/errors.ts';
import type { Clock } from '../host/clock.ts';
import type { Tell } from '../turn/events.ts';

/** No step takes so long without a word on a machine that is well; what waits has a shorter deadline of its own. */
const HANGS_AFTER_MS = 5 * 60_000;
/** For a whole turn, bytes of a download aside: unpacking on a slow disk takes ten minutes at most. */
const DEADLINE_MS = 20 * 60_000;
/** Each step can be cut off, and then takes a second or so. */
const ENDING_MS = 30_000;

export interface Supervised {
  clock: Clock;
  tell: Tell;
  signal: AbortSignal;
  /** Is told that the turn hangs, since when and at what; once until it has moved again. Not waited for: it may hang as well. */
  hangs(sentence: string): void;
}

/** A turn that cannot even be cut off: its process has to end, and with it whatever it holds. */
export class TurnStuck extends AgentError {}

/**
 * Resolves with what `turn` does. Rejects with SMM514 at the deadline, once the turn has ended; with TurnStuck (SMM515) when it does not end
 * then either.
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
  const watching = watch(place, parts, over.signal).then(async (late) => {
    cut.abort(late);
    await clock.sleep(ENDING_MS, over.signal);
    throw stuck(late);
  });
  try {
    return await Promise.race([work, ignoringEnd(watching, over.signal)]);
  } finally {
    over.abort(new Error('the turn is over'));
  }
}

/** Resolves at the deadline, with what is to be said of the turn. */
async function watch(place: Place, { clock, hangs }: Supervised, over: AbortSignal): Promise<AgentError> {
  let saidOf = -1;
  for (;;) {
    const quietMs = clock.bootTimeMs() - place.movedAtMs;
    const leftMs = place.deadlineMs - clock.bootTimeMs();
    if (leftMs <= 0) return late(place.describe());
    if (quietMs >= HANGS_AFTER_MS && saidOf !== place.movedAtMs) {
      saidOf = place.movedAtMs;
      hangs(place.describe());
      continue;
    }
    const untilQuietMs = saidOf === place.movedAtMs ? leftMs : HANGS_AFTER_MS - quietMs;
    await clock.sleep(Math.min(leftMs, Math.max(untilQuietMs, 1)), over);
  }
}

/** The watch ends with the turn: that is no outcome. */
function ignoringEnd(watching: Promise<never>, over: AbortSignal): Promise<never> {
  return watching.catch((error: unknown) => {
    if (over.aborted) return new Promise<never>(() => {});
    throw error;
  });
}

/** Where the turn is, as far as it has told. */
class Place {
  readonly #clock: Clock;
  movedAtMs: number;
  deadlineMs: number;
  #movedAt: Date;
  #at = 'the look at the machine';
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
      // The same number again is no progress.
      if (event.bytes === this.#bytes) return;
      this.#bytes = event.bytes;
      this.deadlineMs = this.#clock.bootTimeMs() + DEADLINE_MS;
    }
    this.#movedAt = this.#clock.now();
    this.movedAtMs = this.#clock.bootTimeMs();
    if (event.kind === 'learnt') this.#at = this.#learnt++ === 0 ? 'the question to the control plane' : 'the decision';
    if (event.kind === 'begun') this.#at = `the step ${event.step}`;
    if (event.kind === 'done' || event.kind === 'failed') this.#at = `the look after ${event.step}`;
  }

  describe(): string {
    return `the turn hangs since ${this.#movedAt.toISOString()} at ${this.#at}`;
  }
}

function late(sentence: string): AgentError {
  const remedy = 'it is tried again at the next poll; look at the disks and mounts of this machine';
  return new AgentError('SMM514', `cannot wait for the turn: ${sentence}`, remedy);
}

function stuck({ message }: AgentError): TurnStuck {
  const remedy = 'the agent ends, and systemd starts it again; look at the disks and mounts of this machine';
  return new TurnStuck('SMM515', `cannot end the turn: ${message}`, remedy);
}
