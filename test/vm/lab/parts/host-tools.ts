/** The distribution's programs which the lab needs; missing ones are installed, since CI begins on a bare machine. */
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import { must } from '../host/run.ts';
import { timed } from '../say.ts';

/** Program, or file by its absolute path -> Debian package. */
const TOOLS: Readonly<Record<string, string>> = {
  mmdebstrap: 'mmdebstrap',
  '/usr/share/keyrings/debian-archive-keyring.gpg': 'debian-archive-keyring',
  'systemd-nspawn': 'systemd-container',
  ip: 'iproute2',
  iptables: 'iptables',
  nsenter: 'util-linux',
  strace: 'strace',
  'dpkg-deb': 'dpkg',
  openssl: 'openssl',
  python3: 'python3',
  ar: 'binutils',
  zstd: 'zstd',
  xz: 'xz-utils',
};

export async function ensureTools(): Promise<void> {
  if (process.getuid?.() !== 0)
    throw new Error('cannot set up the lab: it makes network namespaces and boots machines, which needs root');
  const missing = Object.keys(TOOLS).filter((program) => !onPath(program));
  if (missing.length === 0) return;
  await aptInstall(missing.map((program) => TOOLS[program] ?? program));
  const still = missing.filter((program) => !onPath(program));
  if (still.length > 0)
    throw new Error(`cannot set up the lab: still missing after the installation: ${still.join(', ')}`);
}

export async function aptInstall(packages: readonly string[]): Promise<void> {
  await timed(`installing ${packages.join(', ')}`, async () => {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    await must(['apt-get', 'update', '-q'], { env });
    await must(['apt-get', 'install', '-y', '-q', '--no-install-recommends', ...packages], { env });
  });
}

export function onPath(program: string): boolean {
  if (isAbsolute(program)) return existsSync(program);
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      // Not in this folder: the answer lies in the others.
      return false;
    }
  });
}
