/**
 * Commands that have asked the daemon for a turn. Each gets the events of the first turn that begins after its request.
 */

import type { TurnEvent } from '../turn/events.ts';
import type { Answer, End } from './socket/protocol.ts';
import type { TriggerName } from './triggers.ts';

interface Client {
  /** The trigger of its turn: a turn for another reason does not answer the request. */
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

  /** `problem`: why the file is not in effect. Commands that also wait for the turn get its result later. */
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
    // A command that waits behind a long download sees its progress.
    if (event.kind === 'progress') for (const { answer } of this.#next) answer({ event });
  }

  finished(end: End): void {
    this.#isTurning = false;
    for (const client of this.#now) client.end(end);
    this.#now.clear();
  }

  /** The daemon ends: answers every command that still waits. */
  close(end: End): void {
    for (const client of [...this.#now, ...this.#next]) client.end(end);
    for (const done of this.#readers) done(end);
    this.#now.clear();
    this.#next.clear();
    this.#readers.clear();
  }
}
