/**
 * The agent's versions and runtimes on disk, and the two links that name a version. Everything is read afresh each
 * time. A folder without a valid `release.json` for its own name does not count.
 */
import { readlink } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Paths } from '../base/paths.ts';
import { fileError, hasCode } from '../host/files/file-errors.ts';
import { namesIn, readText, removeFile, replaceLink } from '../host/files/files.ts';
import { sha256OfFile, statOf } from '../host/files/trees.ts';
import { parseJson } from '../host/json.ts';
import { type FileRecords, RuntimeManifest, VERSION_FILES, VERSION_NAME, VersionManifest } from './version.ts';

export type VersionLink = 'current' | 'previous';

export class VersionStore {
  readonly paths: Paths;

  constructor(paths: Paths) {
    this.paths = paths;
  }

  /** The folder of a version, whether it exists or not. */
  folder(version: string): string {
    return join(this.paths.versions, version);
  }

  runtimeFolder(runtime: string): string {
    return join(this.paths.runtimes, runtime);
  }

  /**
   * The complete versions, in the order in which they got their
   * places. Rejects with SMM520 when something cannot be read.
   */
  async list(): Promise<string[]> {
    const placed: { version: string; atMs: number }[] = [];
    for (const name of (await namesIn(this.paths.versions)).filter((name) => VERSION_NAME.test(name))) {
      const stat = await statOf(join(this.folder(name), VERSION_FILES.manifest));
      if (stat !== null && (await this.read(name)) !== null) placed.push({ version: name, atMs: stat.mtimeMs });
    }
    placed.sort((a, b) => a.atMs - b.atMs || (a.version < b.version ? -1 : 1));
    return placed.map(({ version }) => version);
  }

  /** The runtimes on disk, complete or not. */
  async runtimes(): Promise<string[]> {
    return (await namesIn(this.paths.runtimes)).filter((name) => VERSION_NAME.test(name));
  }

  /** null when it is absent or not complete. Rejects with SMM520 when it exists and cannot be read. */
  async read(version: string): Promise<VersionManifest | null> {
    const manifest = VersionManifest.safeParse(await this.#json(this.folder(version))).data;
    return manifest?.version === version ? manifest : null;
  }

  /** As `read`. */
  async readRuntime(runtime: string): Promise<RuntimeManifest | null> {
    const manifest = RuntimeManifest.safeParse(await this.#json(this.runtimeFolder(runtime))).data;
    return manifest?.runtime === runtime ? manifest : null;
  }

  /** Whether a version and its runtime are complete, and every file has its digest: takes a third of a second. */
  async isSound(version: string, signal?: AbortSignal): Promise<boolean> {
    const manifest = await this.read(version);
    if (manifest === null) return false;
    const leadsToRuntime = (await this.#target(join(this.folder(version), VERSION_FILES.node))) === manifest.runtime;
    return (
      leadsToRuntime &&
      (await areFilesSound(this.folder(version), manifest.files, signal)) &&
      (await this.isRuntimeSound(manifest.runtime, signal))
    );
  }

  async isRuntimeSound(runtime: string, signal?: AbortSignal): Promise<boolean> {
    const manifest = await this.readRuntime(runtime);
    return manifest !== null && areFilesSound(this.runtimeFolder(runtime), manifest.files, signal);
  }

  /** The version that a link names, complete or not; null when there is no link, or it names no version. */
  async link(name: VersionLink): Promise<string | null> {
    const target = await this.#target(this.paths[name]);
    return target !== null && VERSION_NAME.test(target) ? target : null;
  }

  /** In one step, and on disk when it returns. null removes the link. */
  async setLink(name: VersionLink, version: string | null): Promise<void> {
    const path = this.paths[name];
    if (version === null) return removeFile(path);
    if ((await this.link(name)) !== version) await replaceLink(path, join(basename(this.paths.versions), version));
  }

  /** The last part of a link's target. */
  async #target(path: string): Promise<string | null> {
    try {
      return basename(await readlink(path));
    } catch (cause) {
      if (hasCode(cause, 'ENOENT') || hasCode(cause, 'EINVAL') || hasCode(cause, 'ENOTDIR')) return null;
      throw fileError('read', path, cause);
    }
  }

  async #json(folder: string): Promise<unknown> {
    return parseJson((await readText(join(folder, VERSION_FILES.manifest))) ?? 'null');
  }
}

async function areFilesSound(folder: string, files: FileRecords, signal: AbortSignal | undefined): Promise<boolean> {
  for (const [name, record] of Object.entries(files)) {
    const path = join(folder, name);
    const stat = await statOf(path);
    if (!stat?.isFile() || (stat.mode & 0o7777) !== record.mode) return false;
    if ((await sha256OfFile(path, signal)) !== record.sha256) return false;
  }
  return true;
}
