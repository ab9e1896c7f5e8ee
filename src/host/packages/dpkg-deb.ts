/**
 * The host's dpkg-deb takes a package's container and its compression apart, as a stream that is read and judged here. It never writes:
 * `dpkg-deb --show` would unpack a package's control archive to /tmp, however large that is.
 */
import type { Readable } from 'node:stream';
import { AgentError } from '../../errors.ts';
import { consumeOutput } from '../program-output.ts';
import { run } from '../programs.ts';

/**
 * What a compressor may ask for to be understood: xz takes as much as the package says, up to 4 GB, and a package that nobody has judged yet
 * must not take a machine's memory. xz -9 needs 65 MB, zstd 128 MB at most, the rest is for the program itself.
 */
const MAX_ADDRESS_SPACE_BYTES = 512 * 1024 * 1024;
const LIMIT = `--as=${MAX_ADDRESS_SPACE_BYTES}`;
/** Each thread of xz would want as much again; read by dpkg 1.21.9 and later, earlier ones have one thread. */
const ONE_THREAD = { DPKG_DEB_THREADS_MAX: '1' };

interface PartOptions {
  /** Milliseconds until dpkg-deb is killed: a program that hangs must not hang the agent with it. */
  timeoutMs: number;
  signal?: AbortSignal | undefined;
}

/**
 * Hands one of the package's two archives, a tar, to `consume`; dpkg-deb ends when that rejects. Rejects with what `consume` rejects with,
 * SMM433 when dpkg-deb cannot read the package, SMM502 in time-out, and the signal's reason.
 */
export async function readPart<T>(
  file: string,
  part: 'control' | 'data',
  options: PartOptions,
  consume: (stdout: Readable) => Promise<T>,
): Promise<T> {
  const action = part === 'control' ? '--ctrl-tarfile' : '--fsys-tarfile';
  const limited = (await canLimit()) ? (['prlimit', LIMIT] as const) : [];
  const argv = [...limited, 'dpkg-deb', action, file] as [string, ...string[]];
  try {
    return await consumeOutput(argv, { ...options, env: ONE_THREAD }, consume);
  } catch (error) {
    if (error instanceof AgentError && error.code === 'SMM503') throw unreadable(file, error.message);
    throw error;
  }
}

/** Not below a service manager whose @resources has the system call, which the agent's unit denies. */
async function canLimit(): Promise<boolean> {
  return (await run(['prlimit', LIMIT, 'true'])).status === 0;
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
