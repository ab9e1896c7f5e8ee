/** A file to publish: its path in the repository, and whether the file is what the path says. */
import { readFile } from 'node:fs/promises';
import { basename, extname, resolve } from 'node:path';
import { TargetFile } from '@tufjs/models';
import { fileError } from '../../src/host/files/file-errors.ts';
import { PublishError } from '../errors.ts';
import { sha256 } from '../signing/metadata.ts';
import { checkArchive } from './archive-check.ts';
import { istioMeaning } from './istio-package.ts';
import { type Meaning, meaningOf, meaningOfFile, pathOf, requirePath } from './target-names.ts';

export interface NewTarget {
  file: string;
  /** Absent: the file's name, or the package itself, names it. */
  path?: string | undefined;
}

/** A file in memory, so that exactly the checked bytes are published, also if the file changes meanwhile. */
export interface CheckedTarget {
  target: TargetFile;
  sha256: string;
  bytes: Buffer;
}

/** Rejects for a file that cannot be read, whose path is unknown, or that is not what its path says. */
export async function checkTarget({ file, path }: NewTarget): Promise<CheckedTarget> {
  const bytes = await readFile(file).catch((cause) => {
    throw fileError('read', file, cause);
  });
  if (path !== undefined) requirePath(path);
  const meaning = path === undefined ? await meaningOfNew(file) : meaningOf(path);
  const at = path ?? pathOf(meaning as Meaning);
  if (meaning !== null) await requireMeaning(file, bytes, meaning);
  const digest = sha256(bytes);
  return {
    target: new TargetFile({ path: at, length: bytes.length, hashes: { sha256: digest } }),
    sha256: digest,
    bytes,
  };
}

async function meaningOfNew(file: string): Promise<Meaning> {
  const meaning = meaningOfFile(file);
  if (meaning !== null) return meaning;
  if (extname(file) === '.deb') return istioMeaning(resolve(file));
  throw new PublishError(
    `cannot tell what ${basename(file)} is`,
    'give it the name that npm run package gave it (smm-agent-<version>.tar.zst, node-<version>-<arch>.tar.zst), or a path with --as',
  );
}

async function requireMeaning(file: string, bytes: Buffer, meaning: Meaning): Promise<void> {
  if (meaning.kind !== 'istio') {
    await checkArchive(file, bytes, meaning);
    return;
  }
  const found = await istioMeaning(resolve(file));
  if (pathOf(found) === pathOf(meaning)) return;
  throw new PublishError(
    `cannot publish ${basename(file)} as ${pathOf(meaning)}: it is Istio ${found.version} for ${found.architecture}`,
    `publish it as ${pathOf(found)}`,
  );
}
