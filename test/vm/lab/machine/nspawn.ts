/** systemd-nspawn as the machine's mainboard: one process from power-on to power-off. */
import { readdirSync, readFileSync } from 'node:fs';
import { type RunningDaemon, startDaemon } from '../host/daemon.ts';
import type { Ledger } from '../host/ledger.ts';
import { identify, type ProcessIdentity, parentOf } from '../host/process-identity.ts';
import { makeCgroups } from './cgroups.ts';

/** Exit status of nspawn, under --keep-unit, when the machine asked for a reboot: its caller must start it again. */
export const REBOOT_STATUS = 133;

/** Enters the machine's cgroups, then becomes nspawn, so that the pid is nspawn's. */
const ENTER_CGROUPS = 'while [ "$1" != -- ]; do echo $$ > "$1" || exit 125; shift; done; shift; exec "$@"';

export interface Mainboard {
  readonly machineId: string;
  readonly name: string;
  readonly root: string;
  readonly netns: string;
  readonly consoleFile: string;
}

export function powerOn(ledger: Ledger, board: Mainboard): RunningDaemon {
  const entries = makeCgroups(board.machineId);
  return startDaemon(ledger, {
    what: `the machine ${board.name}`,
    logFile: board.consoleFile,
    argv: [
      'sh',
      '-c',
      ENTER_CGROUPS,
      'sh',
      ...entries,
      '--',
      'systemd-nspawn',
      '--quiet',
      '--boot',
      `--directory=${board.root}`,
      `--machine=${board.machineId}`,
      `--hostname=${board.name}`,
      '--register=no',
      '--keep-unit',
      `--network-namespace-path=/run/netns/${board.netns}`,
      // A machine administers its own network: Istio's rules are made in it.
      '--capability=CAP_NET_ADMIN',
      '--resolv-conf=off',
      '--timezone=off',
      '--link-journal=no',
      '--console=pipe',
    ],
  });
}

/** The machine's process 1 as the host sees it: the child of nspawn that is 1 in a pid namespace of its own. */
export function findInit(nspawn: ProcessIdentity): ProcessIdentity | undefined {
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || parentOf(pid) !== nspawn.pid) continue;
    const identity = identify(pid);
    if (identity !== undefined && isInit(pid)) return identity;
  }
  return undefined;
}

function isInit(pid: number): boolean {
  try {
    return /^NSpid:\t\d+\t1$/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ESRCH') return false;
    throw error;
  }
}
