/** Which boot this is: a record of an earlier boot does not count. */
import { readFile } from 'node:fs/promises';
import { AgentError } from '../base/errors.ts';
import type { Paths } from '../base/paths.ts';
import { hasCode } from './files/file-errors.ts';

/**
 * The boot id as process 1 sees it. In a container the runtime mounts a file of its own over
 * the kernel's. A unit with its own mount of /proc (ProtectKernelTunables, ProtectProc) sees
 * the host's file instead: the daemon, the commands and the scripts of istio.service would take
 * each other's records for those of another boot. Rejects with SMM508 when no file can be read.
 */
export async function readBootId({ bootId, bootIdOfInit }: Paths): Promise<string> {
  // Without CAP_SYS_PTRACE the first cannot be read. Another root
  // (demo, tests) may have no procfs: then the real machine's counts.
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
