/**
 * A virtual machine, as far as a daemon can tell: Debian with its own systemd, network, address and disk, which boots
 * and reboots.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { logTail, type RunningDaemon } from '../host/daemon.ts';
import { addGuestAddress, guestAddress, makeGuestNetwork, removeGuestAddress } from '../host/network.ts';
import { isAlive, type ProcessIdentity, signal } from '../host/process-identity.ts';
import type { Lab } from '../lab.ts';
import { rootfs, type Suite } from '../parts/rootfs.ts';
import { say } from '../say.ts';
import { until } from '../until.ts';
import { Guest } from './guest.ts';
import { makeDisk, nameMachine } from './machine-disk.ts';
import { findInit, type Mainboard, powerOn, REBOOT_STATUS } from './nspawn.ts';

const BOOT_MS = 60_000;
const OFF_MS = 60_000;

export interface MachineOptions {
  readonly name: string;
  /** Default: bookworm, which each run has made beforehand. */
  readonly suite?: Suite | undefined;
}

/** Makes a machine and boots it; it has an address of its own, and resolves its own name. */
export async function bootMachine(lab: Lab, { name, suite }: MachineOptions): Promise<Machine> {
  const number = takeNumber(lab.state.folder);
  const machineId = `smm-${lab.state.id}-${number}`;
  const base = suite === undefined ? lab.state.parts.rootfs : await rootfs(suite);
  const disk = await makeDisk(lab.ledger, base, join(lab.state.folder, 'machines', `${number}`));
  nameMachine(disk.root, name);
  const removeNetwork = await makeGuestNetwork(lab.ledger, machineId, lab.state.netns, number);
  // Added after disk and network, so that a teardown ends the cgroup's processes before it removes disk and network.
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

/**
 * The making of a folder succeeds for one process only: that one has the number. Numbers are not used again within a
 * run.
 */
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

export class Machine extends Guest {
  readonly name: string;
  readonly address: string;
  /**
   * The host's path of the machine's disk. Not what is mounted over it in the machine: /run and /tmp are the machine's
   * own.
   */
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
    super();
    this.name = board.name;
    this.address = guestAddress(number);
    this.root = board.root;
    this.netns = board.netns;
    this.#lab = lab;
    this.#number = number;
    this.#board = board;
    this.#discard = discard;
  }

  /**
   * Boots a machine that is off. Returns when systemd has reached its target ("degraded" too: a failed unit is the
   * test's business).
   */
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

  /**
   * All processes at once, without a chance to do anything; what they wrote stays, as the disk's cache is the host's.
   * Then boots again.
   */
  async powerCut(): Promise<void> {
    await this.cutPower();
    await this.start();
  }

  async cutPower(): Promise<void> {
    this.#mayReboot = false;
    await until(
      `the machine ${this.name} to be off`,
      () => {
        // Looked for again each time: during a reboot, process 1 becomes another process from one moment to the next.
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

  /** The machine then has no address but loopback's. */
  removeAddress(): Promise<void> {
    return removeGuestAddress(this.netns);
  }

  restoreAddress(): Promise<void> {
    return addGuestAddress(this.netns, this.#number);
  }

  /** Starts one nspawn after the other, as long as each ends with the request for a reboot. */
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

  protected override init(): ProcessIdentity {
    if (this.#init === undefined || !isAlive(this.#init)) {
      throw new Error(`cannot reach the machine ${this.name}: it is off, or in the middle of a reboot`);
    }
    return this.#init;
  }
}
