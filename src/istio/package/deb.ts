/** Debian packages: reads the output of dpkg-deb, judges it and writes it, in one pass. */
import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { AgentError } from '../../base/errors.ts';
import { packageArchitecture } from '../../host/architecture.ts';
import { fileError } from '../../host/files/file-errors.ts';
import { type ContentSink, readTar } from '../../host/files/tar.ts';
import { WriteBehind } from '../../host/files/write-behind.ts';
import { readIdentity } from './control.ts';
import { readPart } from './dpkg-deb.ts';
import { EntryChecks } from './entries.ts';
import {
  type Destinations,
  PACKAGE_PATHS,
  type PackageFile,
  type PackageFormat,
  type UnpackedFile,
  type UnpackOptions,
} from './format.ts';

/** A slow disk needs a minute for 250 MB. */
const UNPACK_TIMEOUT_MS = 10 * 60 * 1000;

export const debFormat: PackageFormat = {
  async unpack(file, into, options = {}) {
    await checkIdentity(file, options);
    return unpackData(file, into, options);
  },
};

/** The package must call itself istio-sidecar and be made for this machine: SMM435. */
async function checkIdentity(file: string, { isConfined, signal }: UnpackOptions): Promise<void> {
  const { name, version, architecture } = await readIdentity(file, { isConfined, signal });
  const wanted = packageArchitecture();
  if (name === 'istio-sidecar' && architecture === wanted) return;
  throw new AgentError(
    'SMM435',
    `cannot use ${file}: it is ${name} ${version} for ${architecture}, wanted is istio-sidecar for ${wanted}`,
    'check which package the server of istio.downloads, or the signed repository, has under this name',
  );
}

async function unpackData(
  file: string,
  into: Destinations,
  { isConfined, signal, onPassedOver }: UnpackOptions,
): Promise<Record<PackageFile, UnpackedFile>> {
  const checks = new EntryChecks();
  const written: Writing[] = [];
  const passedOver: [string, Hashing][] = [];
  try {
    await readPart(file, 'data', { isConfined, timeoutMs: UNPACK_TIMEOUT_MS, signal }, (stdout) =>
      readTar(stdout, async (entry): Promise<ContentSink | null> => {
        const accepted = checks.accept(entry);
        if (accepted === 'folder') return null;
        if (accepted === 'other-file') {
          const hashing = new Hashing();
          passedOver.push([entry.name, hashing]);
          return async (block) => hashing.add(block);
        }
        // Writing the previous file to disk goes on while the next one is unpacked.
        written.at(-1)?.beginSync();
        const writing = await Writing.begin(accepted, into[accepted]);
        written.push(writing);
        return (block) => writing.add(block);
      }),
    );
    checks.requireAll();
    const files = await Promise.all(written.map((writing) => writing.finish()));
    for (const [path, hashing] of passedOver) onPassedOver?.(path, hashing.finish());
    return Object.fromEntries(files) as Record<PackageFile, UnpackedFile>;
  } finally {
    for (const writing of written) await writing.close();
  }
}

/** Digest and size of a file. */
class Hashing {
  readonly #hash: Hash = createHash('sha256');
  #size = 0;

  add(block: Uint8Array): void {
    this.#hash.update(block);
    this.#size += block.length;
  }

  finish(): UnpackedFile {
    return { sha256: this.#hash.digest('hex'), size: this.#size };
  }
}

interface Output {
  handle: FileHandle;
  writer: WriteBehind;
  mode: number;
  path: string;
}

/** One file of the package while it is written and hashed, or only hashed. */
class Writing {
  readonly #file: PackageFile;
  readonly #out: Output | null;
  readonly #hashing = new Hashing();
  #synced: Promise<void> | null = null;

  private constructor(file: PackageFile, out: Output | null) {
    this.#file = file;
    this.#out = out;
  }

  static async begin(file: PackageFile, destination: Destinations[PackageFile]): Promise<Writing> {
    if (destination === undefined) return new Writing(file, null);
    try {
      const handle = await open(destination.path, 'wx', 0o600);
      return new Writing(file, { handle, writer: new WriteBehind(handle), ...destination });
    } catch (cause) {
      throw fileError('write', destination.path, cause);
    }
  }

  async add(block: Uint8Array): Promise<void> {
    this.#hashing.add(block);
    try {
      await this.#out?.writer.add(block);
    } catch (cause) {
      throw fileError('write', PACKAGE_PATHS[this.#file], cause);
    }
  }

  beginSync(): void {
    this.#synced ??= this.#sync();
    // finish() rejects with the error; until then it must not be an unhandled rejection.
    this.#synced.catch(() => undefined);
  }

  async finish(): Promise<[PackageFile, UnpackedFile]> {
    this.beginSync();
    await this.#synced;
    return [this.#file, this.#hashing.finish()];
  }

  async close(): Promise<void> {
    await this.#out?.handle.close();
  }

  async #sync(): Promise<void> {
    if (this.#out === null) return;
    const { handle, writer, mode, path } = this.#out;
    try {
      await writer.flush();
      // The mode of the package (setgid, owner) is not taken over: a release has modes of its own.
      await handle.chmod(mode);
      await handle.sync();
    } catch (cause) {
      throw fileError('write', path, cause);
    }
  }
}
