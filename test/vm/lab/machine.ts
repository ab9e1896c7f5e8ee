/** A virtual machine, as far as a daemon can tell: Debian with its own systemd, network, address and disk, which boots and reboots. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { logTail, type RunningDaemon } from './daemon.ts';
import type { Lab } from './lab.ts';
import { makeDisk, nameMachine } from './machine-disk.ts';
import { addGuestAddress, guestAddress, makeGuestNetwork, removeGuestAddress } from './network.ts';
import { findInit, type Mainboard, powerOn, REBOOT_STATUS } from './nspawn.ts';
import { isAlive, type ProcessIdentity, signal } from './process-identity.ts';
import { describe, type Outcome, run } from './run.ts';
import { say } from './say.ts';
import { until } from './until.ts';

const BOOT_MS = 60_000;
const OFF_MS = 60_000;
const EXEC_MS = 60_000;
const TIMED_OUT = 124;

export interface ExecOptions {
  readonly input?: string | Buffer;
  readonly inputFile?: string;
  readonly timeoutMs?: number;
  readonly env?: Readonly<Record<string, string>>;
}

export interface GuestProcess {
  readonly pid: number;
  readonly exe: string;
  /** Together with the pid it proves that a process is still the same one. */
  readonly startTicks: string;
}

/** Makes a machine and boots it; it has an address of its own, and resolves its own name. */
export async function bootMachine(lab: Lab, { name }: { readonly name: string }): Promise<Machine> {
  const number = takeNumber(lab.state.folder);
  const machineId = `smm-${lab.state.id}-${number}`;
  const disk = await makeDisk(lab.ledger, lab.state.parts.rootfs, join(lab.state.folder, 'machines', `${number}`));
  nameMachine(disk.root, name);
  const removeNetwork = await makeGuestNetwork(lab.ledger, machineId, lab.state.netns, number);
  // After disk and network, so that a teardown empties the cgroup, of whoever is left in it, before it takes those away.
  const removeCgroup = lab.ledger.add({ kind: 'cgroup', name: machineId });
  const consoleFile = join(lab.state.folder, `console-${number}-${name}.log`);
  const machine = new Machine(
    lab,
    number,
    { machineId, name, root: disk.root, netns: machineId, consoleFile },
    async () => {
      await removeCgroup();
      await removeNetwork();
      await disk.remove();
    },
  );
  await machine.start();
  return machine;
}

/** The making of a folder succeeds for one process only: that one has the number. Numbers are not used again within a run. */
function takeNumber(folder: string): number {
  mkdirSync(join(folder, 'numbers'), { recursive: true });
  for (let number = 2; number < 255; number++) {
    try {
      mkdirSync(join(folder, 'numbers', String(number)));
      return number;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
  throw new Error('cannot boot another machine: all addresses of the run are taken');
}

export class Machine {
  readonly name: string;
  readonly address: string;
  /** The host's path of the machine's disk. Not what is mounted over it in the machine: /run and /tmp are the machine's own. */
  readonly root: string;
  readonly netns: string;
  readonly #lab: Lab;
  readonly #number: number;
  readonly #board: Mainboard;
  readonly #discard: () => Promise<void>;
  #power: RunningDaemon | undefined;
  #init: ProcessIdentity | undefined;
  /** nspawn's status once the machine is off; undefined while it has power. */
  #offStatus: number | undefined = -1;
  #mayReboot = true;

  constructor(lab: Lab, number: number, board: Mainboard, discard: () => Promise<void>) {
    this.name = board.name;
    this.address = guestAddress(number);
    this.root = board.root;
    this.netns = board.netns;
    this.#lab = lab;
    this.#number = number;
    this.#board = board;
    this.#discard = discard;
  }

  /** Boots a machine that is off. Returns when systemd has reached its target ("degraded" too: a failed unit is the test's business). */
  async start(): Promise<void> {
    if (this.#offStatus === undefined) throw new Error(`cannot start ${this.name}: it is on`);
    this.#offStatus = undefined;
    this.#mayReboot = true;
    this.#keepPowered().then(
      (status) => {
        this.#offStatus = status;
      },
      (error: unknown) => {
        this.#offStatus = -1;
        say(`the machine ${this.name}: ${String(error)}`);
      },
    );
    await this.#booted(undefined);
  }

  async reboot(): Promise<void> {
    const before = this.#init;
    // The answer can be cut off by the reboot itself: what counts is that another process 1 comes up.
    await this.exec(['systemctl', 'reboot']);
    await this.#booted(before);
  }

  /** All processes at once, without a chance to do anything; what they wrote stays, as the disk's cache is the host's. Then boots again. */
  async powerCut(): Promise<void> {
    await this.cutPower();
    await this.start();
  }

  async cutPower(): Promise<void> {
    this.#mayReboot = false;
    await until(
      `the machine ${this.name} to be off`,
      () => {
        // Asked for anew each time: in the middle of a reboot, process 1 is another one from one moment to the next.
        const init = this.#power === undefined ? undefined : findInit(this.#power.identity);
        // With process 1 the kernel ends every process of its pid namespace.
        if (init !== undefined) signal(init, 'SIGKILL');
        return this.#offStatus !== undefined;
      },
      OFF_MS,
    );
  }

  /** Waits until the machine is off, however that came about: after `systemctl poweroff`, for example. */
  async off(timeoutMs = OFF_MS): Promise<void> {
    await until(`the machine ${this.name} to be off`, () => this.#offStatus !== undefined, timeoutMs);
  }

  /** Ends the machine for good, with its disk and its network. */
  async stop(): Promise<void> {
    await this.cutPower();
    await this.#discard();
  }

  /** Runs a program as root in the machine; any status is an answer. Not within `timeoutMs` (60 s): an error. */
  async exec(argv: readonly string[], options: ExecOptions = {}): Promise<Outcome> {
    const timeoutMs = options.timeoutMs ?? EXEC_MS;
    const environment = {
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      HOME: '/root',
      LANG: 'C.UTF-8',
      ...options.env,
    };
    const settings = Object.entries(environment).map(([key, value]) => `${key}=${value}`);
    const enter = ['nsenter', '-t', String(this.#currentInit().pid), '-m', '-u', '-i', '-n', '-p', '-C', '--'];
    // The limit stands inside too: ending nsenter from outside would leave the program running in the machine.
    const limit = ['timeout', '-k', '1', String(timeoutMs / 1000)];
    const { input, inputFile } = options;
    const outcome = await run([...enter, 'env', '-i', ...settings, ...limit, ...argv], {
      cwd: '/',
      timeoutMs: timeoutMs + 5_000,
      ...(input === undefined ? {} : { input }),
      ...(inputFile === undefined ? {} : { inputFile }),
    });
    if (outcome.status !== TIMED_OUT) return outcome;
    throw new Error(`cannot ${argv.join(' ')} in ${this.name}: not within ${timeoutMs / 1000} s\n${describe(outcome)}`);
  }

  /** Runs a shell script (sh -eu) and returns its stdout; a failure is an error with all of the output. */
  async sh(script: string, options: ExecOptions = {}): Promise<string> {
    const outcome = await this.exec(['sh', '-euc', script], options);
    if (outcome.status === 0) return outcome.stdout;
    throw new Error(`cannot run in ${this.name}: ${script}\n${describe(outcome)}`);
  }

  /** Copies a file, with the mode that it has on the host. Folders above are made. */
  async copyIn(hostPath: string, guestPath: string, mode = '0644'): Promise<void> {
    await this.#write(guestPath, mode, { inputFile: hostPath, timeoutMs: 120_000 });
  }

  async writeFile(guestPath: string, content: string, mode = '0644'): Promise<void> {
    await this.#write(guestPath, mode, { input: content });
  }

  async readFile(guestPath: string): Promise<string> {
    return this.sh(`cat -- '${guestPath}'`);
  }

  /** The unit's lines, this boot's or all boots', without times. */
  async journal(unit: string, { allBoots = false }: { readonly allBoots?: boolean } = {}): Promise<string> {
    await this.exec(['journalctl', '--sync']);
    return this.sh(`journalctl --no-pager -o cat ${allBoots ? '' : '-b'} -u '${unit}'`);
  }

  /** The processes of a unit's cgroup, with the pids that the machine itself sees. Works with cgroup v1, v2 and hybrid. */
  async processesOf(unit: string): Promise<GuestProcess[]> {
    const lines = await this.sh(`
      group=$(systemctl show -P ControlGroup '${unit}'); [ -n "$group" ] || exit 0
      for root in /sys/fs/cgroup/unified /sys/fs/cgroup/systemd /sys/fs/cgroup; do
        [ -r "$root$group/cgroup.procs" ] || continue
        while read -r pid; do
          exe=$(readlink "/proc/$pid/exe") || continue
          stat=$(cat "/proc/$pid/stat") || continue
          set -- \${stat##*) }; shift 19
          echo "$pid $1 $exe"
        done < "$root$group/cgroup.procs"
        exit 0
      done`);
    return lines
      .split('\n')
      .filter(Boolean)
      .map((line) => {
        const [pid = '', startTicks = '', ...exe] = line.split(' ');
        return { pid: Number(pid), startTicks, exe: exe.join(' ') };
      });
  }

  async pidsOf(unit: string): Promise<number[]> {
    return (await this.processesOf(unit)).map(({ pid }) => pid);
  }

  /** The machine then has no address but loopback's. */
  removeAddress(): Promise<void> {
    return removeGuestAddress(this.netns);
  }

  restoreAddress(): Promise<void> {
    return addGuestAddress(this.netns, this.#number);
  }

  async #write(guestPath: string, mode: string, options: ExecOptions): Promise<void> {
    const script = 'mkdir -p -- "$(dirname -- "$1")" && cat > "$1" && chmod "$2" "$1"';
    const outcome = await this.exec(['sh', '-euc', script, 'sh', guestPath, mode], options);
    if (outcome.status !== 0) throw new Error(`cannot write ${guestPath} in ${this.name}: ${describe(outcome)}`);
  }

  /** One nspawn after the other, as long as each ends with the wish for a reboot. */
  async #keepPowered(): Promise<number> {
    for (;;) {
      this.#power = powerOn(this.#lab.ledger, this.#board);
      const status = await this.#power.ended;
      await this.#power.stop();
      if (status !== REBOOT_STATUS || !this.#mayReboot) return status;
    }
  }

  async #booted(previous: ProcessIdentity | undefined): Promise<void> {
    await until(
      `the machine ${this.name} to boot`,
      async () => {
        if (this.#offStatus !== undefined) return 'off';
        const init = this.#power === undefined ? undefined : findInit(this.#power.identity);
        if (init === undefined || init.pid === previous?.pid) return 'no process 1 yet';
        this.#init = init;
        return (await this.exec(['systemctl', 'is-system-running'], { timeoutMs: 5_000 })).stdout.trim();
      },
      BOOT_MS,
      (state) => ['running', 'degraded', 'off'].includes(state),
    );
    if (this.#offStatus !== undefined)
      throw new Error(`cannot boot ${this.name}: status ${this.#offStatus}; ${logTail(this.#board.consoleFile)}`);
  }

  #currentInit(): ProcessIdentity {
    if (this.#init === undefined || !isAlive(this.#init)) {
      throw new Error(`cannot reach the machine ${this.name}: it is off, or in the middle of a reboot`);
    }
    return this.#init;
  }
}
