/**
 * The host's dpkg-deb takes a package's container and its compression apart, as a stream that is read and judged here. It never writes:
 * `dpkg-deb --show` would unpack a package's control archive to /tmp, however large that is.
 */
import { chmod } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { AgentError } from '../../base/errors.ts';
import { fileError } from '../../host/files/file-errors.ts';
import { isRoot } from '../../host/files/files.ts';
import { consumeOutput } from '../../host/programs/program-output.ts';
import { run } from '../../host/programs/programs.ts';

/**
 * What a compressor may ask for to be understood: xz takes as much as the package says, up to 4 GB, and a package that nobody has judged yet
 * must not take a machine's memory. xz -9 needs 65 MB, zstd 128 MB at most, the rest is for the program itself.
 */
const MAX_ADDRESS_SPACE_BYTES = 512 * 1024 * 1024;
const LIMIT = `--as=${MAX_ADDRESS_SPACE_BYTES}`;
/** Each thread of xz would want as much again; read by dpkg 1.21.9 and later, earlier ones have one thread. */
const ONE_THREAD = { DPKG_DEB_THREADS_MAX: '1' };

/**
 * A package is whatever a mirror hands out, and decompressors are written in C. So dpkg-deb runs as a user that exists for its time only,
 * with no right and no network; of the machine it sees the programs, and the package. Each property is known to systemd 240.
 */
const CONFINEMENT = [
  'DynamicUser=yes',
  'CapabilityBoundingSet=',
  'PrivateNetwork=yes',
  'PrivateDevices=yes',
  'ProtectHome=yes',
  'ProtectKernelTunables=yes',
  'ProtectKernelModules=yes',
  'ProtectControlGroups=yes',
  'RestrictNamespaces=yes',
  'RestrictAddressFamilies=AF_UNIX',
  'RestrictRealtime=yes',
  'LockPersonality=yes',
  'MemoryDenyWriteExecute=yes',
  'SystemCallArchitectures=native',
  'SystemCallFilter=@system-service',
  'InaccessiblePaths=-/etc/smm -/etc/istio -/var/lib/smm-agent -/var/lib/istio -/var/run/secrets',
  `LimitAS=${MAX_ADDRESS_SPACE_BYTES}`,
  'LimitCORE=0',
  'TasksMax=16',
  'LogLevelMax=warning',
];

export interface ReadOptions {
  /** dpkg-deb runs with no right on the machine, which systemd sees to; needs root, and makes the package readable for all. */
  isConfined?: boolean | undefined;
  signal?: AbortSignal | undefined;
}

interface PartOptions extends ReadOptions {
  /** Milliseconds until dpkg-deb is killed: a program that hangs must not hang the agent with it. */
  timeoutMs: number;
}

/**
 * Hands one of the package's two archives, a tar, to `consume`; dpkg-deb ends when that rejects. Rejects with what `consume` rejects with,
 * SMM433 when dpkg-deb cannot read the package, SMM503 when it cannot be run to its end, SMM502 in time-out, and the signal's reason.
 */
export async function readPart<T>(
  file: string,
  part: 'control' | 'data',
  { isConfined = false, timeoutMs, signal }: PartOptions,
  consume: (stdout: Readable) => Promise<T>,
): Promise<T> {
  const dpkgDeb = ['dpkg-deb', part === 'control' ? '--ctrl-tarfile' : '--fsys-tarfile', file];
  const around = isConfined && isRoot() ? await confined(file, timeoutMs) : await limited();
  try {
    const argv = [...around, ...dpkgDeb] as [string, ...string[]];
    return await consumeOutput(argv, { timeoutMs, signal, env: ONE_THREAD }, consume);
  } catch (error) {
    // What dpkg-deb says of the package, and not what kept it from being run.
    if (error instanceof AgentError && error.code === 'SMM503' && /dpkg-deb\b.*: /.test(said(error))) {
      throw unreadable(file, error.message);
    }
    throw error;
  }
}

function said({ message }: AgentError): string {
  return message.slice(message.indexOf(': it ended with status'));
}

async function confined(file: string, timeoutMs: number): Promise<string[]> {
  try {
    // A download is its owner's alone.
    await chmod(file, 0o644);
  } catch (cause) {
    throw fileError('read', file, cause);
  }
  const environment = Object.entries(ONE_THREAD).map(([name, value]) => `--setenv=${name}=${value}`);
  // systemd ends it as well: what is given up here must not run on.
  const properties = [...CONFINEMENT, `RuntimeMaxSec=${Math.ceil(timeoutMs / 1000)}`].map((one) => `--property=${one}`);
  return ['systemd-run', '--quiet', '--wait', '--pipe', '--collect', ...environment, ...properties, '--'];
}

/** Not below a service manager whose @resources has the system call, which the agent's unit denies. */
async function limited(): Promise<string[]> {
  return (await run(['prlimit', LIMIT, 'true'])).status === 0 ? ['prlimit', LIMIT] : [];
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
