/**
 * The releases on disk and the two links that name one of them. Everything is read afresh each time. A folder without a
 * valid `release.json` under its own name is not a release.
 */
import { readlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { AgentError } from '../../base/errors.ts';
import type { Paths } from '../../base/paths.ts';
import { fileError, hasCode } from '../../host/files/file-errors.ts';
import { makeFolder, namesIn, readText, removeFile, replaceLink } from '../../host/files/files.ts';
import { statOf } from '../../host/files/trees.ts';
import { parseJson } from '../../host/json.ts';
import {
  PACKAGE_START,
  RELEASE_FILES,
  RELEASE_FOLDER,
  RELEASE_ID,
  type ReleaseConfiguration,
  type ReleaseId,
  ReleaseManifest,
} from '../release.ts';

export type LinkName = 'active' | 'staged';

export class ReleaseStore {
  readonly paths: Paths;

  constructor(paths: Paths) {
    this.paths = paths;
  }

  /** The folder of a release, whether it exists or not. */
  folder(id: ReleaseId): string {
    return join(this.paths.releases, id);
  }

  /** The complete releases, the oldest first. Rejects with SMM520 when something cannot be read. */
  async list(): Promise<ReleaseManifest[]> {
    const names = (await namesIn(this.paths.releases)).filter((name) => RELEASE_ID.test(name));
    const manifests = await Promise.all(names.map((id) => this.read(id)));
    const complete = manifests.filter((manifest) => manifest !== null);
    // Two releases of the same moment keep one order, in any order of the file system.
    return complete.sort((a, b) => (a.createdAt + a.id < b.createdAt + b.id ? -1 : 1));
  }

  /**
   * The manifest of a release, null when it is absent or not complete: a torn `release.json`, or that of another
   * release, does not count. Rejects with SMM520 when it exists and cannot be read.
   */
  async read(id: ReleaseId): Promise<ReleaseManifest | null> {
    const text = await readText(join(this.folder(id), RELEASE_FILES.manifest));
    if (text === null) return null;
    const parsed = ReleaseManifest.safeParse(parseJson(text));
    return parsed.success && parsed.data.id === id ? parsed.data : null;
  }

  /** The configuration of a release as it was asked for: with RELEASE_FOLDER instead of its own folder. */
  async configuration(id: ReleaseId): Promise<ReleaseConfiguration> {
    const read = async (name: string) => (await readText(join(this.folder(id), name))) ?? '';
    const portable = async (name: string) => (await read(name)).replaceAll(this.folder(id), RELEASE_FOLDER);
    return {
      clusterEnv: await read(RELEASE_FILES.clusterEnv),
      sidecarEnv: await portable(RELEASE_FILES.sidecarEnv),
      mesh: await portable(RELEASE_FILES.mesh),
      hosts: await read(RELEASE_FILES.hosts),
      rootCert: await readText(join(this.folder(id), RELEASE_FILES.rootCert)),
    };
  }

  /**
   * Which release a link names; null when there is no link, or when `active` is Istio's package itself (PACKAGE_START).
   * The release may be damaged or gone: `releaseProblems` tells. Rejects with SMM440 when it is not one of our links.
   */
  async link(name: LinkName): Promise<ReleaseId | null> {
    const path = this.paths[name];
    try {
      const target = resolve(dirname(path), await readlink(path));
      const id = target.slice(this.paths.releases.length + 1);
      if (name === 'active' && target === join(dirname(path), PACKAGE_START)) return null;
      if (target === this.folder(id) && RELEASE_ID.test(id)) return id;
      throw foreignLink(path, `it points to ${target}`);
    } catch (cause) {
      if (hasCode(cause, 'ENOENT')) return null;
      if (hasCode(cause, 'EINVAL')) throw foreignLink(path, 'it is not a symbolic link');
      throw fileError('read', path, cause);
    }
  }

  /** When a link was made, by the wall clock; null when there is none. */
  async linkedSince(name: LinkName): Promise<Date | null> {
    return (await statOf(this.paths[name]))?.mtime ?? null;
  }

  /**
   * Sets the release to which Istio switches at its next start;
   * null withdraws it. In one step, and on disk when it returns.
   */
  async setStaged(id: ReleaseId | null): Promise<void> {
    await this.#setLink('staged', id);
  }

  /** Only for the first release of a machine: later, `istio-activate` switches while Istio starts. */
  async setActive(id: ReleaseId): Promise<void> {
    await this.#setLink('active', id);
  }

  async #setLink(name: LinkName, id: ReleaseId | null): Promise<void> {
    const path = this.paths[name];
    if (id === null) return removeFile(path);
    // Making the link again would change its time, which is shown to people.
    if ((await this.link(name)) === id) return;
    await makeFolder(dirname(path), 0o755);
    await replaceLink(path, join('releases', id));
  }
}

function foreignLink(path: string, reason: string): AgentError {
  return new AgentError(
    'SMM440',
    `cannot use ${path}: ${reason}`,
    'remove it if nothing else needs it: the agent makes it again',
  );
}
