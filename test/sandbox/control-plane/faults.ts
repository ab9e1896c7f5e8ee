/** Faults that a test can switch on in the embedded API server. Each lasts until it is switched off or used up. */
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
  /** Answers are sent byte by byte, with this many milliseconds between two bytes. */
  dripMs = 0;
  readonly #answers: Answer[] = [];

  /** The next `times` requests of any kind get this answer. */
  answer(answer: Answer, times = 1): void {
    for (let count = 0; count < times; count += 1) this.#answers.push(answer);
  }

  /** The next `times` requests get 429 or 503, with Retry-After. */
  throttle(retryAfter: string, times = 1, status: 429 | 503 = 429): void {
    this.answer(
      { status, headers: { 'retry-after': retryAfter }, body: 'Too many requests, please try again later.' },
      times,
    );
  }

  /** The answer to give instead of the one of the object store, if there is any. */
  take(): Answer | undefined {
    return this.#answers.shift();
  }
}
