/**
 * The newest root that is known here: from the one that came with the package, by way of those that were fetched before.
 * Each of them must be signed by the one before it; what was kept is untrusted, and ends where that is not so.
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
      // It can be fetched again. A valid one is never given up: whoever holds a key that was withdrawn would like that.
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
    'put the root.json of the repository there, from whoever publishes it and not from its server, or let repository.rootFile name it',
    { cause },
  );
}
