/**
 * The Debian that the machines boot: made once; each machine gets a layer of its own over it and never writes to it.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { must } from '../host/run.ts';
import { cached, digestOf } from './cache.ts';

export type Suite = 'bookworm' | 'bullseye';
/**
 * What a VM of a mesh has (systemd, and the dependencies of the istio-sidecar package), and what the tests look at it
 * with.
 */
const PACKAGES = [
  'systemd',
  'systemd-sysv',
  'dbus',
  'iproute2',
  'iptables',
  'sudo',
  'hostname',
  'curl',
  'ca-certificates',
  'procps',
  'python3',
  'strace',
  'libfaketime',
  'tinyproxy-bin',
];

export async function rootfs(suite: Suite = 'bookworm'): Promise<string> {
  const folder = await cached('rootfs', digestOf('1', suite, ...PACKAGES), async (draft) => {
    const root = join(draft, 'root');
    await must(['mmdebstrap', '--variant=minbase', `--include=${PACKAGES.join(',')}`, suite, root]);
    // The journal must outlive a reboot: several tests read the lines of the boot before.
    mkdirSync(join(root, 'var/log/journal'), { recursive: true });
    // Resolving goes nowhere (a test network has no DNS), quickly: an empty file would mean "ask 127.0.0.1".
    writeFileSync(join(root, 'etc/resolv.conf'), 'options timeout:1 attempts:1\nnameserver 10.77.0.1\n');
    // Each machine gets an id at its first boot, so that clones are no clones.
    writeFileSync(join(root, 'etc/machine-id'), '');
  });
  return join(folder, 'root');
}
