/**
 * systemd's part of a machine, without privileges: real unit files, drop-ins and processes, below one root. Scripts and the
 * agent reach it as they reach systemd, by programs of the same names in <root>/usr/bin (control.ts).
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
  /** Delays of a unit file take this part of their time here: 0.05 makes RestartSec=10 half a second. Deadlines are as written. */
  timeScale: number;
  /** For every process; PATH and SMM_ROOT are set by the manager. */
  environment?: Record<string, string>;
  /** Lines that processes of units write. */
  onLine?: (unit: string, line: string) => void;
}

/** What `systemctl is-system-running` says. */
export type SystemState = 'running' | 'stopping' | 'maintenance' | 'off';

export class EmbeddedServiceManager {
  readonly root: string;
  readonly jobs = new Jobs();
  readonly transient: TransientUnits;
  readonly journal: Journal;
  systemState: SystemState = 'off';
  /** Targets that the machine is on its way to, as list-jobs shows them. */
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

  /** Where programs of the machine find `systemctl`: before the host's own. */
  get path(): string {
    return `${join(this.root, 'usr/bin')}:/usr/sbin:/usr/bin:/sbin:/bin`;
  }

  /** The unit as it was read at its first use or the last reload. */
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

  /** The service that a process belongs to, null for any other process. */
  serviceOf(pid: number): Service | null {
    return this.services().find((service) => service.owns(pid)) ?? null;
  }

  daemonReload(): void {
    for (const service of this.services()) service.definition = loadUnit(this.root, service.name);
  }

  /** A line of systemd's own in the journal of a unit. */
  note(unit: string, line: string): void {
    this.journal.write(unit, line);
  }

  submit(unit: string, type: JobType, mode: 'replace' | 'fail' = 'replace'): Promise<JobResult> {
    return this.jobs.submit(this.service(unit), type, mode);
  }

  /** Starts the units that are enabled; a boot id of its own tells this boot from others. */
  async boot(): Promise<void> {
    const bootId = join(this.root, 'proc/sys/kernel/random/boot_id');
    mkdirSync(dirname(bootId), { recursive: true });
    writeFileSync(bootId, `${randomUUID()}\n`);
    mkdirSync(join(this.root, 'run'), { recursive: true });
    this.systemState = 'running';
    await Promise.all(this.#enabled().map((unit) => this.submit(unit, 'start')));
  }

  /** Stops everything in order, as `systemctl reboot` and `poweroff` do; /run is empty afterwards. */
  async shutDown(target: 'reboot' | 'poweroff'): Promise<void> {
    this.systemState = 'stopping';
    await this.#stopAllFor([`${target}.target`, 'shutdown.target']);
    this.transient.destroy();
    this.systemState = 'off';
    this.#services.clear();
    const run = join(this.root, 'run');
    for (const entry of readdirSync(run)) rmSync(join(run, entry), { recursive: true });
  }

  /** `systemctl isolate rescue.target`. */
  async rescue(): Promise<void> {
    this.systemState = 'maintenance';
    await this.#stopAllFor(['rescue.target']);
  }

  /** As after a cut of the power: nothing of the machine runs any more, and nothing was told. */
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
