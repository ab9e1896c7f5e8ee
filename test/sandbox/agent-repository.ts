/**
 * A signed repository for a mesh, made by the real publisher and served over HTTPS on loopback, with the files that a
 * machine needs to trust it. Made only when a story needs it, because its keys and archives take a second.
 */
import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { buildAgentArchive, buildRuntimeArchive } from '../../packaging/artifacts.ts';
import { addTargets } from '../../publisher/operations/add.ts';
import { type Announcement, configMapOf } from '../../publisher/operations/announce.ts';
import { createRepository } from '../../publisher/operations/create.ts';
import type { Publisher } from '../../publisher/publisher.ts';
import { agentTarget, runtimeTarget } from '../../src/downloads/targets.ts';
import { RepositoryServer } from '../downloads/signed/repository-server.ts';
import { type VersionProgram, versionContents } from './agent-versions.ts';
import type { Admin } from './control-plane/admin.ts';
import type { KubeObject } from './control-plane/object.ts';
import { HOST_ARCHITECTURE } from './istio-package.ts';

export interface PublishedVersion extends VersionProgram {
  /**
   * The version of Node that the release names. Without it the version that machines have already, so that none is
   * downloaded.
   */
  runtime?: string;
}

/** Fast compression. Archives whose size is measured are made elsewhere. */
const ARCHIVE = { level: 1, sourceDateEpoch: 1 } as const;

/** The digest at the beginning of the file name of a target. */
const DIGEST_IN_NAME = /\b([0-9a-f]{64})\./;

export class AgentRepository implements AsyncDisposable {
  readonly server: RepositoryServer;
  readonly #folder: string;
  readonly #admin: Admin;
  /** The files that are served, by path. Updated from the folder after each change, like a sync to a bucket. */
  readonly #files: Map<string, Buffer>;

  private constructor(folder: string, admin: Admin) {
    this.#folder = folder;
    this.#admin = admin;
    this.#files = new Map();
    this.server = new RepositoryServer(this.#files);
  }

  /** Makes a repository without versions. `folder` must not exist; `admin` may write the ConfigMaps of the mesh. */
  static async make(folder: string, admin: Admin): Promise<AgentRepository> {
    const repository = new AgentRepository(folder, admin);
    await createRepository(repository.#publisher, { keys: { root: { keys: 1, threshold: 1 } } });
    await repository.#sync();
    await repository.server.start();
    return repository;
  }

  get url(): string {
    return this.server.url;
  }

  /** The file for repository.caFile, in PEM. */
  get ca(): string {
    return this.server.ca;
  }

  /** The file for repository.rootFile. */
  root(): Promise<Buffer> {
    return readFile(join(this.#folder, 'repository/metadata/1.root.json'));
  }

  /**
   * Publishes a version of the agent: the real agent, unless `program` says otherwise. Returns the size of the archive
   * in bytes.
   */
  async publish(version: string, { runtime, ...program }: PublishedVersion = {}): Promise<number> {
    const contents = await versionContents(version, program, runtime);
    const archive = await buildAgentArchive(contents, { output: this.#build, ...ARCHIVE });
    await this.add(archive);
    return (await stat(archive)).size;
  }

  /**
   * Publishes a runtime with this version. Its node is a script that runs our own Node, because packing a Node takes
   * seconds.
   */
  async publishRuntime(runtimeVersion: string): Promise<void> {
    const runtime = join(this.#folder, `node-${runtimeVersion}`);
    const node = join(runtime, 'bin/node');
    await mkdir(join(runtime, 'bin'), { recursive: true });
    await writeFile(node, `#!/bin/sh\nexec '${process.execPath}' "$@"\n`);
    await chmod(node, 0o755);
    await writeFile(join(runtime, 'LICENSE'), 'MIT\n');
    const options = { output: this.#build, ...ARCHIVE };
    await this.add(await buildRuntimeArchive({ runtimeVersion, runtime }, HOST_ARCHITECTURE, options));
  }

  /** Publishes archives that exist already. */
  async add(...files: string[]): Promise<void> {
    await addTargets(
      this.#publisher,
      files.map((file) => ({ file })),
    );
    await this.#sync();
  }

  /** Announces a version with ConfigMap smm-agent, like `npm run repository -- announce --apply`. */
  async announce(version: string, more: Omit<Announcement, 'version'> = {}): Promise<void> {
    await this.#admin.apply(parse(configMapOf({ version, repository: this.url, ...more })) as KubeObject);
  }

  /** The path of a target below the URL, its digest and its size. */
  served(target: string): { path: string; sha256: string; bytes: number } {
    for (const [path, { length }] of this.#files) {
      const sha256 = DIGEST_IN_NAME.exec(path)?.[1] ?? '';
      if (path.replace(`${sha256}.`, '') === `targets/${target}`) return { path, sha256, bytes: length };
    }
    throw new Error(`${target} is not published`);
  }

  /** The size of a served file; 0 if there is none. */
  bytesAt(path: string): number {
    return this.#files.get(path)?.length ?? 0;
  }

  /** The versions and runtimes that machines have fetched since the last call. */
  takeDownloads(): string[] {
    const targets = this.server.takeRequests().filter((path) => path.startsWith('targets/'));
    return targets.map((path) => path.replace(/^targets\//, '').replace(DIGEST_IN_NAME, ''));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
  }

  get #publisher(): Publisher {
    return { folder: join(this.#folder, 'repository'), keys: [join(this.#folder, 'keys')] };
  }

  get #build(): string {
    return join(this.#folder, 'build');
  }

  async #sync(): Promise<void> {
    const { folder } = this.#publisher;
    for (const part of ['metadata', 'targets']) {
      const entries = await readdir(join(folder, part), { recursive: true, withFileTypes: true });
      for (const entry of entries.filter((one) => one.isFile())) {
        const file = join(entry.parentPath, entry.name);
        this.#files.set(file.slice(folder.length + 1), await readFile(file));
      }
    }
  }
}

/** The downloads of a machine for a version, in the form of `takeDownloads`. */
export function downloadsOf(version: string, runtime?: string): string[] {
  return [agentTarget(version), ...(runtime === undefined ? [] : [runtimeTarget(runtime, HOST_ARCHITECTURE)])];
}
