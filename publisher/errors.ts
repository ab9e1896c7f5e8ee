/**
 * The errors of the publisher. It is not part of the agent, so they have no codes; otherwise they have the same form.
 */

/** `message` is a sentence that begins with "cannot", `remedy` says what to do about it. */
export class PublishError extends Error {
  override readonly name = 'PublishError';
  readonly remedy: string;

  constructor(message: string, remedy: string, options?: ErrorOptions) {
    super(message, options);
    this.remedy = remedy;
  }
}
