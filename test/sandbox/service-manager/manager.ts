/**
 * The systemd of a machine, without privileges: real unit files, drop-ins and processes below one root. Scripts and the
 * agent use it like systemd, through programs with the same names in <root>/usr/bin (control.ts).
 */
import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type JobResult, Jobs, type JobType } from './jobs.ts';
import { Journal } from './journal.ts';
import { Service } from './service.ts';
import type { Surroundings } from './surroundings.ts';
import { TransientUnits } from './transient.ts';
import { loadUnit, unitFileState } from './units/definition.ts';

export interface ManagerOptions {
  root: string;
  /**
   * The factor for delays of a unit file: with 0.05, RestartSec=10 takes half a second. Deadlines are not shortened.
   */
  timeScale: number;
  /** Variables for every process. The manager sets PATH and SMM_ROOT. */
  environment?: Record<string, string>;
  /** Called with each line that a process of a unit writes. */
  onLine?: (unit: string, line: string) => void;
}

/** The answer of `systemctl is-system-running`. */
export type SystemState = 'running' | 'stopping' | 'maintenance' | 'off';

export class EmbeddedServiceManager {
  readonly root: string;
  readonly jobs = new Jobs();
  readonly transient: TransientUnits;
  readonly journal: Journal;
  systemState: SystemState = 'off';
  /** The targets that the machine is about to reach, for list-jobs. */
  targets: string[] = [];
  readonly #around: Surroundings;
  readonly #services = new Map<string, Service>();

  constructor({ root, timeScale, environment = {}, onLine = () => {} }: ManagerOptions) {
    this.root = root;
    this.journal = new Journal(onLine);
    this.#around = {
      root,
      baseEnvironment: { ...environment, PATH: this.path, SMM_ROOT: root, LANG: 'C.UTF-8' },
      notifySocket: join(root, 'run/systemd/notify'),
      delayMs: (ms) => ms * timeScale,
      journal: (unit, line, invocation) => this.journal.write(unit, line, invocation),
      onAutoRestart: (unit) => void this.submit(unit, 'start'),
    };
    this.transient = new TransientUnits(this.#around);
  }

  /** The PATH of the programs of the machine. Its `systemctl` comes before the one of the host. */
  get path(): string {
    return `${join(this.root, 'usr/bin')}:/usr/sbin:/usr/bin:/sbin:/bin`;
  }

  /** A unit as it was read at its first use or at the last reload. */
  service(name: string): Service {
    const present = this.#services.get(name);
    if (present !== undefined && present.definition.loadState !== 'not-found') return present;
    const service = present ?? new Service(loadUnit(this.root, name), this.#around);
    if (present !== undefined) present.definition = loadUnit(this.root, name);
    this.#services.set(name, service);
    return service;
  }

  services(): Service[] {
    return [...this.#services.values()];
  }

  /** The service of a process; null for other processes. */
  serviceOf(pid: number): Service | null {
    return this.services().find((service) => service.owns(pid)) ?? null;
  }

  daemonReload(): void {
    for (const service of this.services()) service.definition = loadUnit(this.root, service.name);
  }

  /** Writes a message of systemd into the journal of a unit. */
  note(unit: string, line: string): void {
    this.journal.write(unit, line);
  }

  submit(unit: string, type: JobType, mode: 'replace' | 'fail' = 'replace'): Promise<JobResult> {
    return this.jobs.submit(this.service(unit), type, mode);
  }

  /** Boots with a new boot id, and starts the enabled units. */
  async boot(): Promise<void> {
    const bootId = join(this.root, 'proc/sys/kernel/random/boot_id');
    mkdirSync(dirname(bootId), { recursive: true });
    writeFileSync(bootId, `${randomUUID()}\n`);
    mkdirSync(join(this.root, 'run'), { recursive: true });
    this.systemState = 'running';
    await Promise.all(this.#enabled().map((unit) => this.submit(unit, 'start')));
  }

  /** Stops all units, like `systemctl reboot` and `poweroff`. /run is empty afterwards. */
  async shutDown(target: 'reboot' | 'poweroff'): Promise<void> {
    this.systemState = 'stopping';
    await this.#stopAllFor([`${target}.target`, 'shutdown.target']);
    this.transient.destroy();
    this.systemState = 'off';
    this.#services.clear();
    const run = join(this.root, 'run');
    for (const entry of readdirSync(run)) rmSync(join(run, entry), { recursive: true });
  }

  /** Like `systemctl isolate rescue.target`. */
  async rescue(): Promise<void> {
    this.systemState = 'maintenance';
    await this.#stopAllFor(['rescue.target']);
  }

  /** A power cut: all processes of the machine are killed, without any warning. */
  destroy(): void {
    this.systemState = 'off';
    this.transient.destroy();
    for (const service of this.services()) service.destroy();
    this.#services.clear();
  }

  async #stopAllFor(targets: string[]): Promise<void> {
    this.targets = targets;
    await Promise.all(this.services().map(({ name }) => this.submit(name, 'stop')));
    this.targets = [];
  }

  #enabled(): string[] {
    const wants = join(this.root, 'etc/systemd/system/multi-user.target.wants');
    mkdirSync(wants, { recursive: true });
    return readdirSync(wants).filter((unit) => unitFileState(this.root, unit) === 'enabled');
  }
}
