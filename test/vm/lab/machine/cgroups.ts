/**
 * A cgroup for each machine, in every hierarchy that this kernel has mounted (one with cgroup v2, a dozen with v1 and
 * hybrid): two machines in one cgroup would both call their units' groups by the same path, and each systemd would
 * meddle with the other's.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { identify, signal } from '../host/process-identity.ts';
import { until } from '../until.ts';

const MOUNT = '/sys/fs/cgroup';

function hierarchies(): string[] {
  const candidates = [MOUNT, ...readdirSync(MOUNT).map((name) => join(MOUNT, name))];
  return candidates.filter((folder) => statSync(folder).isDirectory() && isRootOfHierarchy(folder));
}

/**
 * Below a root there are groups too, and they have a cgroup.procs as well: only v1's mount points lie beside each
 * other.
 */
function isRootOfHierarchy(folder: string): boolean {
  if (!existsSync(join(folder, 'cgroup.procs'))) return false;
  return folder === MOUNT || !existsSync(join(MOUNT, 'cgroup.procs'));
}

/** Makes the groups and returns the files into which a process writes its pid to enter them. */
export function makeCgroups(name: string): string[] {
  return hierarchies().map((root) => {
    const folder = join(root, name);
    mkdirSync(folder, { recursive: true });
    // A v1 cpuset takes no process before it has processors and memory.
    for (const file of ['cpuset.cpus', 'cpuset.mems']) {
      if (root !== MOUNT && existsSync(join(root, file)))
        writeFileSync(join(folder, file), readFileSync(join(root, file)));
    }
    return join(folder, 'cgroup.procs');
  });
}

/**
 * Ends the processes that are still in the group, by their pids, and removes it with all groups below. The kernel lets
 * go of a group a moment after its last process has ended.
 */
export async function removeCgroups(name: string): Promise<void> {
  for (const root of hierarchies()) {
    await until(`the removal of cgroup ${name} in ${root}`, () => removeTree(join(root, name)), 10_000);
  }
}

function removeTree(folder: string): true {
  if (!existsSync(folder)) return true;
  for (const pid of readFileSync(join(folder, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean)) {
    const identity = identify(Number(pid));
    if (identity !== undefined) signal(identity, 'SIGKILL');
  }
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) removeTree(join(folder, entry.name));
  }
  rmdirSync(folder);
  return true;
}
