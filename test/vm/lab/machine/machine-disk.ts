/**
 * A machine's disk: a layer over the base Debian, or a copy of it where the file system of the cache cannot carry an
 * overlay.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Ledger } from '../host/ledger.ts';
import { describe, must, run } from '../host/run.ts';
import { say } from '../say.ts';

export interface MachineDisk {
  readonly root: string;
  remove(): Promise<void>;
}

export async function makeDisk(ledger: Ledger, base: string, folder: string): Promise<MachineDisk> {
  const [root, upper, work] = ['root', 'upper', 'work'].map((name) => join(folder, name)) as [string, string, string];
  for (const path of [root, upper, work]) mkdirSync(path, { recursive: true });
  const unmount = ledger.add({ kind: 'mount', path: root });
  const mounted = await run([
    'mount',
    '-t',
    'overlay',
    'overlay',
    '-o',
    `lowerdir=${base},upperdir=${upper},workdir=${work}`,
    root,
  ]);
  if (mounted.status !== 0) {
    say(`no overlay here, so the machine gets a copy of the base: ${describe(mounted)}`);
    await must(['cp', '-a', '--reflink=auto', `${base}/.`, root]);
  }
  return {
    root,
    async remove() {
      await unmount();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/**
 * Its own name resolves without DNS: sudo asks for it, and under DNS capture the answer would have to come through
 * Istio itself.
 */
export function nameMachine(root: string, name: string): void {
  writeFileSync(join(root, 'etc/hostname'), `${name}\n`);
  writeFileSync(
    join(root, 'etc/hosts'),
    `127.0.0.1\tlocalhost\n127.0.1.1\t${name}\n::1\tlocalhost ip6-localhost ip6-loopback\n`,
  );
}
