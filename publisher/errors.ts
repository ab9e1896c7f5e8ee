/** What the publisher cannot do. It is no part of the agent, so its errors have no codes; they have the same form otherwise. */

/** `message` is a sentence that begins with "cannot", `remedy` says what to do about it. */
export class PublishError extends Error {
  override readonly name = 'PublishError';
  readonly remedy: string;

  constructor(message: string, remedy: string, options?: ErrorOptions) {
    super(message, options);
    this.remedy = remedy;
  }
}
