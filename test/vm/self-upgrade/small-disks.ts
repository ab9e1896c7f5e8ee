/**
 * The agent's folders as file systems of their own, of which a test leaves as much free as it likes: to the byte and to
 * the inode.
 */
import type { Guest } from '../lab/machine/guest.ts';

export const DISKS = ['/opt/smm-agent', '/var/lib/smm-agent', '/var/cache/smm-agent'] as const;
export type Disk = (typeof DISKS)[number];

export interface Room {
  /** Default: plenty. */
  bytes?: number;
  /** Default: plenty. */
  inodes?: number;
}

const PLENTY = { bytes: 2_000_000_000, inodes: 10_000 };

/** Before the package is installed. */
export async function mountDisks(machine: Guest): Promise<void> {
  for (const disk of DISKS) {
    // A file system without a byte in it could not be made full: a size of 0 means "without limit".
    await machine.sh(`mkdir -p ${disk}; mount -t tmpfs -o mode=0755 smm-test ${disk}; echo >${disk}/occupied`);
  }
  await leave(machine, DISKS, PLENTY);
}

/** So much is free from now on, after any use until now. */
export async function leave(machine: Guest, disks: readonly Disk[], room: Room): Promise<void> {
  const { bytes, inodes } = { ...PLENTY, ...room };
  for (const disk of disks) {
    // The kernel refuses a size below what is used: a process wrote after df. Then run df again.
    await machine.sh(`until
      set -- $(df --block-size=1 --output=used,iused ${disk} | tail -n 1)
      mount -o "remount,size=$(($1 + ${bytes})),nr_inodes=$(($2 + ${inodes}))" ${disk}
    do :; done`);
  }
}

export function makeRoom(machine: Guest): Promise<void> {
  return leave(machine, DISKS, PLENTY);
}
