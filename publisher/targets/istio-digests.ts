/** The digests that `announce --istio` pins: those of packages of Istio, and of lists. */
import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { digestKey, type PackageDigests, parseDigests } from '../../src/control-plane/target/package-digests.ts';
import { fileError } from '../../src/host/files/file-errors.ts';
import { sha256OfFile } from '../../src/host/files/trees.ts';
import { PublishError } from '../errors.ts';
import { istioMeaning } from './istio-package.ts';

const MAX_LIST_BYTES = 65_536;

/** Rejects for a file that is neither, and when two files disagree. */
export async function digestsOf(files: readonly string[]): Promise<PackageDigests> {
  const all = new Map<string, string>();
  for (const file of files) {
    for (const [key, sha256] of await ofOne(file)) {
      if ((all.get(key) ?? sha256) !== sha256) {
        throw new PublishError(`cannot pin ${key} twice: ${basename(file)} has another SHA-256`, 'name one of the two');
      }
      all.set(key, sha256);
    }
  }
  return all;
}

async function ofOne(file: string): Promise<PackageDigests> {
  if (file.endsWith('.deb')) {
    const { version, architecture } = await istioMeaning(file);
    return new Map([[digestKey(version, architecture), await sha256OfFile(file)]]);
  }
  const digests = parseDigests(await readList(file));
  if (!('problem' in digests)) return digests;
  const remedy = 'give a package (.deb), or a list with a line "<version> <architecture> <SHA-256>" for each';
  throw new PublishError(`cannot pin the digests in ${basename(file)}: ${digests.problem}`, remedy);
}

async function readList(file: string): Promise<string> {
  try {
    const { size } = await stat(file);
    if (size > MAX_LIST_BYTES) throw new Error(`it is longer than ${MAX_LIST_BYTES} bytes`);
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw fileError('read', file, cause);
  }
}
