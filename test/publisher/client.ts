/** tuf-js as a client of the repository, over HTTP. It uses no code of the publisher. */
import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, normalize } from 'node:path';
import { Updater } from 'tuf-js';

/** Serves only the two folders that are published. */
export class PublishedFiles implements AsyncDisposable {
  readonly #server: Server;

  constructor(folder: string) {
    this.#server = createServer((request, response) => {
      const path = normalize(decodeURIComponent(request.url ?? '/'));
      const isPublished = /^\/(metadata|targets)\//.test(path);
      readFile(join(folder, path)).then(
        (content) => response.writeHead(isPublished ? 200 : 404).end(content),
        () => response.writeHead(404).end(),
      );
    });
  }

  async start(): Promise<this> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.listen(0, '127.0.0.1', resolve);
    await promise;
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    this.#server.closeAllConnections();
    await promise;
  }
}

/** A machine with the shipped root and the metadata that it has fetched before. */
export class Client {
  readonly #folder: string;
  readonly #url: string;

  private constructor(folder: string, url: string) {
    this.#folder = folder;
    this.#url = url;
  }

  /** `folder` must not exist yet. */
  static async make(folder: string, url: string, root: string): Promise<Client> {
    await mkdir(join(folder, 'targets'), { recursive: true });
    await copyFile(root, join(folder, 'root.json'));
    return new Client(folder, url);
  }

  /**
   * The content of a target; null if there is no target with this path. Rejects if the repository cannot be trusted.
   */
  async get(path: string): Promise<string | null> {
    const updater = new Updater({
      metadataDir: this.#folder,
      metadataBaseUrl: `${this.#url}/metadata`,
      targetDir: join(this.#folder, 'targets'),
      targetBaseUrl: `${this.#url}/targets`,
      config: { fetchRetries: 0 },
    });
    await updater.refresh();
    const target = await updater.getTargetInfo(path);
    return target === undefined ? null : readFile(await updater.downloadTarget(target), 'utf8');
  }
}
