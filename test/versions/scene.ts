/**
 * A machine whose versions of the agent are a few lines of shell, with archives of other versions and a stand-in for
 * systemd.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { zstdCompressSync } from 'node:zlib';
import { type Paths, pathsUnder } from '../../src/base/paths.ts';
import type { FetchedPackage } from '../../src/downloads/source.ts';
import { agentTarget, runtimeTarget } from '../../src/downloads/targets.ts';
import { systemClock } from '../../src/host/clock.ts';
import type { ServiceManager, UnitState } from '../../src/host/systemd/service-manager.ts';
import type { Archives } from '../../src/versions/prepare.ts';
import { readProbation } from '../../src/versions/probation.ts';
import { VersionStore } from '../../src/versions/store.ts';
import { upgradeAgent } from '../../src/versions/upgrade.ts';
import { UNIT } from '../support/observed.ts';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary.ts';

const execute = promisify(execFile);
const BIN = join(import.meta.dirname, '../../systemd/bin');
const ARCHITECTURE = process.arch === 'arm64' ? 'arm64' : 'amd64';

export const OLD = '0.2.0';
export const NEW = '0.3.0';
export const NODE = '24.21.0';
export const NEXT_NODE = '26.1.0';

export interface VersionFiles {
  version: string;
  runtime?: string;
  /** The program of the version. Without it, a program that passes its self-check. */
  program?: string;
  /** Changes the folder before it is packed. */
  change?: (folder: string) => Promise<void>;
}

export class UpgradeScene implements AsyncDisposable {
  readonly paths: Paths;
  readonly store: VersionStore;
  /** The units whose restart was requested. */
  readonly restarts: string[] = [];
  /** The targets that were fetched. */
  readonly fetched: string[] = [];
  unit: Partial<UnitState> = {};
  readonly #folder: Pick<TemporaryFolder, 'path'>;

  private constructor(folder: Pick<TemporaryFolder, 'path'>) {
    this.#folder = folder;
    this.paths = pathsUnder(join(folder.path, 'root'));
    this.store = new VersionStore(this.paths);
  }

  /** OLD is current, with NODE. */
  static async begin(): Promise<UpgradeScene> {
    const scene = new UpgradeScene(await temporaryFolder());
    const { bin, opt, state, downloads, bootId } = scene.paths;
    await cp(BIN, bin, { recursive: true });
    for (const folder of [opt, state, downloads, join(bootId, '..')]) await mkdir(folder, { recursive: true });
    await writeFile(bootId, 'boot-1\n');
    await symlink('/proc/uptime', join(scene.paths.root, 'proc/uptime'));
    await scene.install({ version: OLD });
    await scene.store.setLink('current', OLD);
    return scene;
  }

  /** A scene that another process has made, and will remove. */
  static at(folder: string): UpgradeScene {
    return new UpgradeScene({ path: folder });
  }

  get folder(): string {
    return this.#folder.path;
  }

  /** Installs a version as the package does. */
  async install(files: VersionFiles): Promise<void> {
    const { version, runtime = NODE } = files;
    await writeVersion(this.store.folder(version), files);
    await symlink(`../../runtimes/${runtime}`, join(this.store.folder(version), 'node'));
    if ((await this.store.readRuntime(runtime)) === null)
      await writeRuntime(this.store.runtimeFolder(runtime), runtime);
  }

  /** Makes the archives of a version, which `archives` fetches. */
  async publish(files: VersionFiles): Promise<void> {
    const { version, runtime = NODE } = files;
    await this.#pack(agentTarget(version), (folder) => writeVersion(folder, files), files.change);
    await this.#pack(runtimeTarget(runtime, ARCHITECTURE), (folder) => writeRuntime(folder, runtime));
  }

  /** Replaces an archive by other bytes. */
  async exchange(target: string, content: Buffer): Promise<void> {
    await writeFile(this.#place(target), content);
  }

  readonly archives: Archives = {
    fetch: async (target): Promise<FetchedPackage> => {
      this.fetched.push(target);
      const path = this.#place(target);
      const content = await readFile(path);
      return { path, sha256: createHash('sha256').update(content).digest('hex'), bytes: content.length };
    },
  };

  get services(): ServiceManager {
    const guard = (what: string) => [{ argv: ['/usr/bin/timeout', '9', '/opt/smm-agent/bin/agent-guard', what] }];
    const nothing = () => Promise.reject(new Error('this is not used in these tests'));
    return {
      unit: async () => ({ ...UNIT, execStartPre: guard('start'), execStopPost: guard('ended'), ...this.unit }),
      resetFailed: async () => {},
      requestRestart: async (name) => void this.restarts.push(name),
      job: nothing,
      daemonReload: nothing,
      start: nothing,
      restart: nothing,
    };
  }

  upgrade(from = OLD, to = NEW, signal?: AbortSignal): Promise<void> {
    const { paths, services, archives } = this;
    return upgradeAgent(
      { paths, clock: systemClock, services, archives },
      from,
      to,
      signal === undefined ? {} : { signal },
    );
  }

  /** The versions that the links name. */
  async links(): Promise<Record<'current' | 'previous', string | null>> {
    return { current: await this.store.link('current'), previous: await this.store.link('previous') };
  }

  async names(folder: 'versions' | 'runtimes'): Promise<string[]> {
    return (await readdir(this.paths[folder])).sort();
  }

  async #pack(target: string, fill: (folder: string) => Promise<void>, change?: VersionFiles['change']): Promise<void> {
    const folder = await mkdtemp(join(this.#folder.path, 'pack-'));
    await fill(folder);
    await change?.(folder);
    await writeFile(this.#place(target), await packed(folder));
    await rm(folder, { recursive: true });
  }

  #place(target: string): string {
    return join(this.#folder.path, target.replaceAll('/', '_'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder.path, { recursive: true, force: true });
  }
}

/** A compressed tar of a folder, as the publisher makes it. */
async function packed(folder: string): Promise<Buffer> {
  const args = ['--create', '--format=ustar', '--sort=name', '--owner=0', '--group=0', '--directory', folder, '.'];
  const { stdout } = await execute('tar', args, { encoding: 'buffer', maxBuffer: 100_000_000 });
  return zstdCompressSync(stdout);
}

/** The stand-in for Node runs the program as a shell script, so each version has its own behaviour. */
async function writeVersion(
  folder: string,
  { version, runtime = NODE, program = healthy(version) }: VersionFiles,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'smm-agent.js'), program);
  await writeFile(join(folder, 'flags'), '-u\n');
  await writeManifest(folder, { version, runtime }, { 'smm-agent.js': 0o644, flags: 0o644 });
}

async function writeRuntime(folder: string, runtime: string): Promise<void> {
  await mkdir(join(folder, 'bin'), { recursive: true });
  await writeFile(join(folder, 'bin/node'), `#!/bin/sh\n# Node ${runtime}\nexec /bin/sh "$@"\n`);
  await writeManifest(folder, { runtime }, { 'bin/node': 0o755 });
}

export async function writeManifest(
  folder: string,
  about: Record<string, string>,
  files: Readonly<Record<string, number>>,
): Promise<void> {
  const records = Object.entries(files).map(async ([name, mode]) => {
    await chmod(join(folder, name), mode);
    const sha256 = createHash('sha256')
      .update(await readFile(join(folder, name)))
      .digest('hex');
    return [name, { sha256, mode, uid: 0, gid: 0 }] as const;
  });
  const manifest = { format: 1, ...about, files: Object.fromEntries(await Promise.all(records)) };
  await writeFile(join(folder, 'release.json'), JSON.stringify(manifest));
}

/** A program whose self-check prints these checks. */
export function healthy(version: string, checks = [{ name: 'configuration', ok: true, said: 'valid' }]): string {
  return `echo '${JSON.stringify({ format: 1, version, checks })}'\n`;
}

/** Asserts that nothing has changed: OLD is current, no version is on probation, and no restart was requested. */
export async function assertUnchanged(scene: UpgradeScene): Promise<void> {
  assert.deepEqual(await scene.links(), { current: OLD, previous: null });
  assert.equal(await readProbation(scene.paths), null);
  assert.deepEqual(scene.restarts, []);
}
