/**
 * The archives of the agent for the signed repository, made of the folders that a deb lays out too. The same input
 * gives the same bytes, so that everybody can build a release again and compare.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, createWriteStream, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { constants, createZstdCompress } from 'node:zlib';
import { agentTarget, runtimeTarget, type TargetArchitecture } from '../src/downloads/targets.ts';
import { layOutRuntime, layOutVersion, type RuntimeContents, type VersionContents } from './release-folders.ts';

/** Level of Zstandard: 19 for archives that are shipped, 1 for tests. */
export type ArchiveLevel = 19 | 1;

export interface ArchiveOptions {
  /** Folder for the archive. */
  output: string;
  level: ArchiveLevel;
  /** Seconds since the epoch: the time of every file in it. */
  sourceDateEpoch: number;
}

/** Builds `smm-agent-<version>.tar.zst`, one for all architectures, and resolves to its path. */
export function buildAgentArchive(contents: VersionContents, options: ArchiveOptions): Promise<string> {
  return pack(basename(agentTarget(contents.version)), options, (folder) => layOutVersion(folder, contents));
}

/**
 * Builds `node-<version>-<architecture>.tar.zst` and resolves to its path. Its files do not have the time of a commit:
 * a runtime must have the same bytes in each release that names it, or a repository that has it already would refuse
 * it.
 */
export function buildRuntimeArchive(
  contents: RuntimeContents,
  architecture: TargetArchitecture,
  options: Omit<ArchiveOptions, 'sourceDateEpoch'>,
): Promise<string> {
  const name = basename(runtimeTarget(contents.runtimeVersion, architecture));
  return pack(name, { ...options, sourceDateEpoch: 0 }, (folder) => layOutRuntime(folder, contents));
}

async function pack(name: string, options: ArchiveOptions, layOut: (folder: string) => void): Promise<string> {
  const { output, level, sourceDateEpoch } = options;
  mkdirSync(output, { recursive: true });
  const draft = mkdtempSync(join(output, '.archive-'));
  try {
    const [tree, packed] = [join(draft, 'tree'), join(draft, name)];
    mkdirSync(tree);
    chmodSync(tree, 0o755);
    layOut(tree);
    await compress(tree, packed, level, sourceDateEpoch);
    renameSync(packed, join(output, name));
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return join(output, name);
}

async function compress(tree: string, to: string, level: ArchiveLevel, sourceDateEpoch: number): Promise<void> {
  const options = ['--format=ustar', '--sort=name', '--owner=0', '--group=0', '--numeric-owner'];
  const names = readdirSync(tree).sort();
  const tar = spawn('tar', [...options, `--mtime=@${sourceDateEpoch}`, '-C', tree, '-cf', '-', ...names], {
    env: { PATH: process.env.PATH, LC_ALL: 'C' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(tar, 'close').then(([status]) => status as number | null);
  const zstd = createZstdCompress({
    params: {
      [constants.ZSTD_c_compressionLevel]: level,
      // 4 MB: the memory that the agent needs to unpack it; src/versions/unpack.ts refuses more than twice that.
      [constants.ZSTD_c_windowLog]: 22,
    },
  });
  try {
    const [status] = await Promise.all([ended, pipeline(tar.stdout, zstd, createWriteStream(to))]);
    if (status !== 0) throw new Error(`tar ended with status ${status}`);
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'GNU tar is needed' : (cause as Error).message;
    throw new Error(`cannot build ${basename(to)}: ${why}`, { cause });
  }
}
