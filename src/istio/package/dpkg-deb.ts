/**
 * Runs the host's dpkg-deb, which opens a package's container and its compression, as a stream. It never writes here:
 * `dpkg-deb --show` would unpack a control archive of any size to /tmp.
 */
import { chmod } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { AgentError, isAgentError } from '../../base/errors.ts';
import { fileError } from '../../host/files/file-errors.ts';
import { isRoot } from '../../host/files/files.ts';
import { consumeOutput } from '../../host/programs/program-output.ts';
import { run } from '../../host/programs/programs.ts';

/**
 * The memory that decompression may take: xz takes as much as the package asks for,
 * up to 4 GB, and a package that is not checked yet must not take the machine's
 * memory. xz -9 needs 65 MB, zstd 128 MB at most, the rest is for the program itself.
 */
const MAX_ADDRESS_SPACE_BYTES = 512 * 1024 * 1024;
const LIMIT = `--as=${MAX_ADDRESS_SPACE_BYTES}`;
/** Each thread of xz would need as much again. dpkg 1.21.9 and later read this; earlier versions have one thread. */
const ONE_THREAD = { DPKG_DEB_THREADS_MAX: '1' };

/**
 * A mirror may hand out anything as a package, and decompressors are written in C. So
 * dpkg-deb runs as a user that exists only meanwhile, without rights and without a network;
 * it sees the machine's programs and the package. systemd 240 knows each property.
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
  /**
   * systemd runs dpkg-deb without any right on the machine; needs root, and makes the package readable for all users.
   */
  isConfined?: boolean | undefined;
  signal?: AbortSignal | undefined;
}

interface PartOptions extends ReadOptions {
  /** Milliseconds until dpkg-deb is killed: a program that hangs must not hang the agent with it. */
  timeoutMs: number;
}

/**
 * Hands one of the package's two archives, a tar, to `consume`; dpkg-deb ends when that rejects.
 * Rejects with what `consume` rejects with, SMM433 when dpkg-deb cannot read the package, SMM503
 * when it cannot be run to its end, SMM502 in time-out, and the signal's reason.
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
    // A message of dpkg-deb about the package, and not a reason why dpkg-deb could not be run.
    if (isAgentError(error, 'SMM503') && /dpkg-deb\b.*: /.test(said(error))) {
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
    // Only its owner can read a download.
    await chmod(file, 0o644);
  } catch (cause) {
    throw fileError('read', file, cause);
  }
  const environment = Object.entries(ONE_THREAD).map(([name, value]) => `--setenv=${name}=${value}`);
  // systemd ends the program too: it must not run on after the deadline.
  const properties = [...CONFINEMENT, `RuntimeMaxSec=${Math.ceil(timeoutMs / 1000)}`].map((one) => `--property=${one}`);
  return ['systemd-run', '--quiet', '--wait', '--pipe', '--collect', ...environment, ...properties, '--'];
}

/**
 * No limit if prlimit does not work: where systemd counts its
 * system call to @resources, the agent's unit denies the call.
 */
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
      : 'the package is damaged or not a Debian package: compare it with the official one',
  );
}
