/** What a test can have the embedded API server do wrong. Each lasts until it is taken back or used up. */
export interface Answer {
  status: number;
  headers?: Record<string, string>;
  body: string;
}

export class Faults {
  /** Connections are cut as soon as a request arrives. */
  outage = false;
  /** Requests are read and never answered. */
  hanging = false;
  /** Answers are sent a byte at a time, one each so many milliseconds. */
  dripMs = 0;
  readonly #answers: Answer[] = [];

  /** The next `times` requests are answered with this, whatever they ask. */
  answer(answer: Answer, times = 1): void {
    for (let count = 0; count < times; count += 1) this.#answers.push(answer);
  }

  /** The next `times` requests are told to come back later. */
  throttle(retryAfter: string, times = 1, status: 429 | 503 = 429): void {
    this.answer(
      { status, headers: { 'retry-after': retryAfter }, body: 'Too many requests, please try again later.' },
      times,
    );
  }

  /** The next answer that is not the object store's. */
  take(): Answer | undefined {
    return this.#answers.shift();
  }
}
