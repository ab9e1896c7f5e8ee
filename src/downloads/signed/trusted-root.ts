/**
 * The newest root that is known here: the root that came with the package, then those that were fetched before, one
 * after the other. Each must be signed by the one before it. The cached roots are not trusted: the first that is not
 * signed so ends the chain.
 */
import { readFile } from 'node:fs/promises';
import { AgentError } from '../../base/errors.ts';
import type { MetadataCache } from './cache.ts';
import type { MetadataLimits } from './limits.ts';
import { requireSoundShape } from './shape.ts';

/** Rejects with SMM460 when the shipped root cannot be used. */
export async function newestRoot(rootFile: string, cache: MetadataCache, limits: MetadataLimits): Promise<Buffer> {
  const { TrustedMetadataStore } = await import('tuf-js/dist/store.js');
  const shipped = await readShipped(rootFile);
  const accept = async <T>(root: Buffer, verify: (root: Buffer) => T): Promise<T> => {
    await requireSoundShape('root.json', root, limits.members);
    return verify(root);
  };
  const store = await accept(shipped, (root) => new TrustedMetadataStore(root)).catch((cause) => {
    throw unusable(rootFile, cause);
  });
  let newest = shipped;
  for (;;) {
    const version = store.root.signed.version + 1;
    const root = await cache.root(version);
    if (root === null) return newest;
    const problem = await accept(root, (bytes) => store.updateRoot(bytes)).then(() => null, asError);
    if (problem !== null) {
      // It can be fetched again. A valid root is never given up: that would help an attacker with a withdrawn key.
      await cache.forgetRoot(version);
      return newest;
    }
    newest = root;
  }
}

async function readShipped(rootFile: string): Promise<Buffer> {
  try {
    return await readFile(rootFile);
  } catch (cause) {
    throw unusable(rootFile, cause);
  }
}

function asError(error: unknown): Error {
  if (error instanceof Error) return error;
  throw error;
}

function unusable(rootFile: string, cause: unknown): AgentError {
  return new AgentError(
    'SMM460',
    `cannot use the trusted root ${rootFile}`,
    'put the root.json of the repository there, from its publisher and not from its server, or name it in repository.rootFile',
    { cause },
  );
}
