/**
 * A wall clock of the agent's own: machines of nspawn have the host's. libfaketime moves it for smm-agent.service, its
 * scripts and its timers, and leaves the time since the boot alone, as a clock that is set does. The rest of the
 * machine has the right time.
 */
import type { Guest } from '../lab/machine/guest.ts';
import type { UpgradeVm } from './upgrade-vm.ts';

const OFFSET = '/etc/smm-test-clock';
// `smm-`: of all units whose names begin so. $LIB is the loader's to fill in.
const DROP_IN = '/etc/systemd/system/smm-.service.d/own-clock.conf';
const ENVIRONMENT = {
  LD_PRELOAD: '/usr/$LIB/faketime/libfaketimeMT.so.1',
  FAKETIME_TIMESTAMP_FILE: OFFSET,
  FAKETIME_CACHE_DURATION: '1',
  FAKETIME_DONT_FAKE_MONOTONIC: '1',
  NO_FAKE_STAT: '1',
};
/** How far the agent's clock may be from what it was set to, for a turn that takes its time. */
const NEAR_MS = 60_000;

/** Before the package is installed. */
export async function giveOwnClock(machine: Guest): Promise<void> {
  const settings = Object.entries(ENVIRONMENT).map(([key, value]) => `Environment="${key}=${value}"\n`);
  await writeClock(machine, 0);
  await machine.writeFile(DROP_IN, `[Service]\n${settings.join('')}`);
}

/** Sets the agent's clock to so many milliseconds after the machine's; the agent sees it within a second. */
export async function writeClock(machine: Guest, aheadMs: number): Promise<void> {
  await machine.writeFile(OFFSET, `+${Math.round(aheadMs / 1000)}\n`);
}

/** As `writeClock`; returns when the agent has made a turn with it. */
export async function setClock({ machine, vm }: UpgradeVm, aheadMs: number): Promise<void> {
  await writeClock(machine, aheadMs);
  const isSet = (at: string) => Math.abs(Date.parse(at) - Date.now() - aheadMs) < NEAR_MS;
  // A clock that is set back while the time of the next poll is being reckoned is noticed a minute later.
  await vm.until('a turn by the new time', ({ at }) => isSet(at), 2 * NEAR_MS);
}
