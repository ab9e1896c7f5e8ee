/** Commands that have asked the daemon for a turn. Each hears the turn that begins after it has asked, from its beginning to its end. */

import type { TurnEvent } from '../turn/events.ts';
import type { Answer, End } from './socket/protocol.ts';
import type { TriggerName } from './triggers.ts';

interface Client {
  /** Why its turn begins: a turn for another reason is not the one. */
  reason: TriggerName;
  answer(answer: Answer): void;
  end(end: End): void;
}

export class Clients {
  readonly #next = new Set<Client>();
  readonly #now = new Set<Client>();
  readonly #readers = new Set<(end: End) => void>();
  #isTurning = false;

  /** Resolves when the turn that `reason` begins is over. */
  turn(reason: TriggerName, answer: Client['answer']): Promise<End> {
    const { promise, resolve } = Promise.withResolvers<End>();
    this.#next.add({ reason, answer, end: resolve });
    if (this.#isTurning)
      answer({ event: { kind: 'begun', step: 'wait', text: 'a turn is under way; this one follows' } });
    return promise;
  }

  /** Resolves when the configuration was read again, or refused. */
  reading(): Promise<End> {
    const { promise, resolve } = Promise.withResolvers<End>();
    this.#readers.add(resolve);
    return promise;
  }

  /** `problem`: why the file is not in effect. Whoever waits for the turn as well hears the rest of it. */
  read(problem: string | null): void {
    const end =
      problem === null ? { ok: true, text: 'the configuration was read again' } : { ok: false, text: problem };
    for (const done of this.#readers) done(end);
    this.#readers.clear();
  }

  began(reasons: readonly TriggerName[]): void {
    this.#isTurning = true;
    for (const client of this.#next) {
      if (!reasons.includes(client.reason)) continue;
      this.#next.delete(client);
      this.#now.add(client);
    }
  }

  tell(event: TurnEvent): void {
    for (const { answer } of this.#now) answer({ event });
    // Whoever waits for a turn behind a long download sees how far that is.
    if (event.kind === 'progress') for (const { answer } of this.#next) answer({ event });
  }

  finished(end: End): void {
    this.#isTurning = false;
    for (const client of this.#now) client.end(end);
    this.#now.clear();
  }

  /** The daemon ends: nobody is left waiting. */
  close(end: End): void {
    for (const client of [...this.#now, ...this.#next]) client.end(end);
    for (const done of this.#readers) done(end);
    this.#now.clear();
    this.#next.clear();
    this.#readers.clear();
  }
}
