/** A publisher, its server, and a machine that trusts its first root. */
import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DOWNLOAD_LIMITS, type DownloadLimits } from '../../../src/downloads/limits.ts';
import { type RepositoryOptions, SignedRepository } from '../../../src/downloads/signed/signed-repository.ts';
import type { Clock } from '../../../src/host/clock.ts';
import { makeCertificates } from '../../sandbox/control-plane/certificate.ts';
import { type TemporaryFolder, temporaryFolder } from '../../support/temporary.ts';
import { Publisher } from './publisher.ts';
import { RepositoryServer } from './repository-server.ts';

export const TARGET = 'agent/smm-agent-1.2.3.tar.zst';
export const CONTENT = Buffer.alloc(300_000, 'the agent ');
/** One authority for all scenes of a file: making one takes longer than most tests. */
const CERTIFICATES = makeCertificates(['127.0.0.1', 'localhost']);

/** For servers that let one wait. With others a busy machine would be taken for a slow server. */
export const IMPATIENT: DownloadLimits = {
  ...DOWNLOAD_LIMITS,
  stallMs: 300,
  deadlineMs: 900,
  pauseMs: 0,
  breaks: 0,
};

export class Scene implements AsyncDisposable {
  readonly publisher: Publisher;
  readonly server: RepositoryServer;
  readonly #folder: TemporaryFolder;

  constructor(publisher: Publisher, server: RepositoryServer, folder: TemporaryFolder) {
    this.publisher = publisher;
    this.server = server;
    this.#folder = folder;
  }

  /** A repository with one file, of which the machine knows nothing yet. */
  static async begin(): Promise<Scene> {
    const publisher = Publisher.begin();
    publisher.add(TARGET, CONTENT);
    publisher.publish();
    const server = await new RepositoryServer(publisher.files, CERTIFICATES).start();
    const scene = new Scene(publisher, server, await temporaryFolder());
    await writeFile(scene.rootFile, publisher.root(1));
    await writeFile(scene.caFile, server.ca);
    return scene;
  }

  /** The same, and the machine has asked once. */
  static async known(): Promise<Scene> {
    const scene = await Scene.begin();
    await scene.client().target(TARGET);
    scene.server.takeRequests();
    return scene;
  }

  get path(): string {
    return this.#folder.path;
  }

  get rootFile(): string {
    return join(this.path, 'root.json');
  }

  get caFile(): string {
    return join(this.path, 'ca.crt');
  }

  get cacheFolder(): string {
    return join(this.path, 'repository');
  }

  get downloads(): string {
    return join(this.path, 'downloads');
  }

  get options(): RepositoryOptions {
    const { rootFile, caFile, cacheFolder, downloads } = this;
    const limits = { download: { ...DOWNLOAD_LIMITS, pauseMs: 0, breaks: 3 } };
    return { url: this.server.url, rootFile, caFile, cacheFolder, downloads, limits };
  }

  /** A new turn. */
  client(options: Partial<RepositoryOptions> & { clock?: Clock } = {}): SignedRepository {
    return new SignedRepository({ ...this.options, ...options });
  }

  /** What a new turn fetches. */
  async fetch(path = TARGET): Promise<string> {
    const client = this.client();
    return (await client.fetch(await client.target(path))).path;
  }

  /** A new turn is refused, and leaves everything as it was, but for these files, which were in order. */
  async assertRefused(
    error: { code: string | RegExp; message: RegExp },
    { advances = [], ...options }: Partial<RepositoryOptions> & { advances?: readonly string[] } = {},
  ): Promise<void> {
    const before = await this.cache();
    const client = this.client(options);
    await assert.rejects(client.target(TARGET), error);
    const after = await this.cache();
    const changed = Object.keys({ ...before, ...after }).filter((name) => before[name] !== after[name]);
    assert.deepEqual(changed.sort(), [...advances].sort(), 'what has changed in the cache');
    assert.deepEqual(await namesBelow(this.downloads), []);
  }

  /** What is kept, by name; with the version of each. */
  async cache(): Promise<Record<string, string>> {
    const names = await namesBelow(this.cacheFolder);
    const contents = names.map(async (name) => [name, await readFile(join(this.cacheFolder, name), 'utf8')]);
    return Object.fromEntries(await Promise.all(contents));
  }

  async versions(): Promise<Record<string, number>> {
    const cache = Object.entries(await this.cache());
    return Object.fromEntries(cache.map(([name, content]) => [name, JSON.parse(content).signed.version as number]));
  }

  /** Puts a file into the cache, as something else than the agent might. */
  async plant(name: string, content: string | Buffer): Promise<void> {
    await mkdir(join(this.cacheFolder, 'roots'), { recursive: true });
    await writeFile(join(this.cacheFolder, name), content);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    await this.#folder[Symbol.asyncDispose]();
  }
}

/** Every file below a folder. */
export async function namesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}
