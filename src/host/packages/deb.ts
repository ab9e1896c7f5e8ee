/**
 * Debian packages. The host's dpkg-deb takes the container and its compression apart (gzip, xz, zstd, none); what comes
 * out of it is read, judged and written here, in one pass.
 */
import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { AgentError } from '../../errors.ts';
import { fileError } from '../file-errors.ts';
import { consumeOutput } from '../program-output.ts';
import { run } from '../programs.ts';
import { WriteBehind } from '../write-behind.ts';
import { EntryChecks } from './entries.ts';
import {
  type Destinations,
  PACKAGE_PATHS,
  type PackageFile,
  type PackageFormat,
  packageArchitecture,
  type UnpackedFile,
  type UnpackOptions,
} from './format.ts';
import { type ContentSink, readTar } from './tar.ts';

/** A slow disk needs a minute for 250 MB; a program that hangs must not hang the agent with it. */
const UNPACK_TIMEOUT_MS = 10 * 60 * 1000;

export const debFormat: PackageFormat = {
  name: 'deb',
  async unpack(file, into, options = {}) {
    await checkControl(file);
    return unpackData(file, into, options);
  },
};

/** The package must call itself istio-sidecar and be made for this machine: SMM435. */
async function checkControl(file: string): Promise<void> {
  const fields = ['Package', 'Version', 'Architecture'];
  const result = await run(['dpkg-deb', '--show', `--showformat=${fields.map((f) => `\${${f}}`).join('\\n')}`, file]);
  if (result.status !== 0) throw unreadable(file, result.stderr);
  const [name, version, architecture] = result.stdout.split('\n');
  const wanted = packageArchitecture();
  const isRight = name === 'istio-sidecar' && architecture === wanted;
  if (isRight) return;
  throw new AgentError(
    'SMM435',
    `cannot use ${file}: it is ${name} ${version} for ${architecture}, wanted is istio-sidecar for ${wanted}`,
    'check what the source publishes under this name',
  );
}

async function unpackData(
  file: string,
  into: Destinations,
  { signal, onPassedOver }: UnpackOptions,
): Promise<Record<PackageFile, UnpackedFile>> {
  const checks = new EntryChecks();
  const written: Writing[] = [];
  const passedOver: [string, Hashing][] = [];
  try {
    await consumeOutput(['dpkg-deb', '--fsys-tarfile', file], { timeoutMs: UNPACK_TIMEOUT_MS, signal }, (stdout) =>
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
  } catch (error) {
    if (error instanceof AgentError && error.code === 'SMM503') throw unreadable(file, error.message);
    throw error;
  } finally {
    for (const writing of written) await writing.close();
  }
}

/** What a file is known by. */
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

/** One file of the package on its way to disk, or only through the hash. */
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
    // The error is given to whoever awaits finish(); until then it is not unhandled.
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

function unreadable(file: string, said: string): AgentError {
  const compression = /unknown compression|zstd|zst\b/i.test(said);
  return new AgentError(
    'SMM433',
    compression
      ? `cannot unpack ${file}: the dpkg-deb of this machine does not know its compression: ${said.trim()}`
      : `cannot unpack ${file}: ${said.trim()}`,
    compression
      ? 'update dpkg (zstd needs 1.21.18), or let the mirror pack with gzip'
      : 'the package is damaged or no Debian package: compare it with the official one',
  );
}
