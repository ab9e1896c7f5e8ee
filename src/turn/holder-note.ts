/**
 * The identity with which this machine last held its Lease. The file is in /run, so that a clone of the disk does not
 * have it.
 */

import type { Paths } from '../base/paths.ts';
import type { HolderNote } from '../control-plane/report/lease.ts';
import { makeFolder, readText, writeAtomically } from '../host/files/files.ts';

export function holderNote({ run, leaseHolder }: Pick<Paths, 'run' | 'leaseHolder'>): HolderNote {
  return {
    read: async () => (await readText(leaseHolder))?.trim() ?? null,
    write: async (identity) => {
      await makeFolder(run, 0o755);
      await writeAtomically(leaseHolder, `${identity}\n`, { mode: 0o644 });
    },
  };
}
