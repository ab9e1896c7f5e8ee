/** How much a repository sends, and how long the transfer of its archives takes. */
import type { AgentRepository } from '../sandbox/agent-repository.ts';

export class Transfers implements Disposable {
  /** The bytes in the bodies of all answers so far. */
  bytes = 0;
  /** The time in which archives were sent, from the request to the last byte. */
  archivesMs = 0;
  readonly #repository: AgentRepository;

  constructor(repository: AgentRepository) {
    this.#repository = repository;
  }

  begin(): this {
    this.#repository.server.onRequest = (path, response) => {
      this.bytes += this.#repository.bytesAt(path);
      if (!path.startsWith('targets/')) return;
      const begunMs = performance.now();
      response.once('finish', () => {
        this.archivesMs += performance.now() - begunMs;
      });
    };
    return this;
  }

  [Symbol.dispose](): void {
    this.#repository.server.onRequest = () => {};
  }
}
