/**
 * The two folders of the agent: a version, which is the same for all architectures, and the runtime that it names. The
 * deb and the archives of the repository make them with the same functions, so that a machine cannot tell their origin.
 */
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { NODE_FLAGS } from './node-flags.ts';
import { put, write } from './place.ts';

export interface VersionContents {
  version: string;
  runtimeVersion: string;
  /** The bundled agent. */
  code: string;
  /** Licences of everything in it. */
  copyright: string;
}

export interface RuntimeContents {
  runtimeVersion: string;
  /** Folder with bin/node and LICENSE. */
  runtime: string;
}

/** Fills a version's folder, without the link `node`: its target depends on the place of the runtimes. */
export function layOutVersion(folder: string, { version, runtimeVersion, code, copyright }: VersionContents): void {
  write(join(folder, 'smm-agent.js'), code);
  write(join(folder, 'flags'), `${NODE_FLAGS.join(' ')}\n`);
  write(join(folder, 'copyright'), copyright);
  writeManifest(folder, { version, runtime: runtimeVersion }, ['copyright', 'flags', 'smm-agent.js']);
}

export function layOutRuntime(folder: string, { runtimeVersion, runtime }: RuntimeContents): void {
  put(join(runtime, 'bin/node'), join(folder, 'bin/node'), 0o755);
  put(join(runtime, 'LICENSE'), join(folder, 'LICENSE'), 0o644);
  writeManifest(folder, { runtime: runtimeVersion }, ['LICENSE', 'bin/node']);
}

/** release.json: the folder counts only with it, and the files that it names can be checked after the installation. */
export function writeManifest(folder: string, about: Record<string, string>, files: readonly string[]): void {
  const records = files.map((file) => {
    const path = join(folder, file);
    const sha256 = createHash('sha256').update(readFileSync(path)).digest('hex');
    const { size, mode } = statSync(path);
    return [file, { sha256, size, mode: mode & 0o7777, uid: 0, gid: 0 }] as const;
  });
  write(
    join(folder, 'release.json'),
    `${JSON.stringify({ format: 1, ...about, files: Object.fromEntries(records) }, null, 2)}\n`,
  );
}
