/** Which boot this is: what was written down in another one does not count any more. */
import { readFile } from 'node:fs/promises';
import { AgentError } from '../base/errors.ts';
import type { Paths } from '../base/paths.ts';
import { hasCode } from './files/file-errors.ts';

/**
 * The boot id as process 1 sees it. In a container the runtime puts a file of its own over the kernel's, and a unit whose
 * /proc is mounted anew (ProtectKernelTunables, ProtectProc) sees the host's instead: daemon, commands and the scripts of
 * istio.service would take each other's records for those of another boot. Rejects with SMM508 when none can be read.
 */
export async function readBootId({ bootId, bootIdOfInit }: Paths): Promise<string> {
  // Without CAP_SYS_PTRACE the first is closed; another root (demo, tests) may have no procfs: the machine's boot is meant.
  for (const path of [bootIdOfInit, bootId, '/proc/sys/kernel/random/boot_id']) {
    try {
      return (await readFile(path, 'utf8')).trim();
    } catch (cause) {
      if (!['ENOENT', 'EACCES', 'EPERM'].some((code) => hasCode(cause, code))) {
        throw new AgentError('SMM508', `cannot read ${path}`, 'check that /proc is mounted', { cause });
      }
    }
  }
  throw new AgentError('SMM508', `cannot read ${bootId}`, 'check that /proc is mounted');
}
