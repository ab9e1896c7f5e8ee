/** A world whose agent is smm-agent.service, installed by a package, and trusts the signed repository of the mesh. */
import { readFile, readlink, rename, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Announcement } from '../../publisher/operations/announce.ts';
import { type HistoryEntry, readHistory } from '../../src/history/history.ts';
import type { Status } from '../../src/status/status.ts';
import { until } from '../support/until.ts';
import { REPOSITORY_CA, trustRepository } from './agent-install.ts';
import type { AgentRepository } from './agent-repository.ts';
import type { SandboxMachine } from './machine.ts';
import { World } from './world.ts';

/** The version of the package. */
export const FIRST = '1.0.0';

export class UpgradeWorld implements AsyncDisposable {
  readonly world: World;
  readonly repository: AgentRepository;

  private constructor(world: World, repository: AgentRepository) {
    this.world = world;
    this.repository = repository;
  }

  /** Makes a world in which FIRST runs and has adopted Istio. No version is published or announced. */
  static async make(): Promise<UpgradeWorld> {
    const world = await World.make();
    try {
      const { machine, mesh } = world;
      await machine.installVersion(FIRST);
      const repository = await mesh.repository();
      await trustRepository(machine.paths, repository);
      await machine.expect('smm-agent', 'set', 'repository.caFile', REPOSITORY_CA);
      await machine.expect('systemctl', 'enable', '--now', 'smm-agent');
      await world.pending('False', /1\.31\.0/);
      return new UpgradeWorld(world, repository);
    } catch (error) {
      await world[Symbol.asyncDispose]();
      throw error;
    }
  }

  get machine(): SandboxMachine {
    return this.world.machine;
  }

  /** Announces a version and runs a turn at once, because the agent looks for it only at every tenth poll. */
  async announce(version: string, more: Omit<Announcement, 'version'> = {}): Promise<void> {
    await this.repository.announce(version, more);
    await this.reconcile();
  }

  /** Runs a turn of the daemon now. The turn may fail, or end with the daemon. */
  async reconcile(): Promise<void> {
    await this.machine.run('smm-agent', 'reconcile');
  }

  /** Waits until this version runs, is confirmed and has reported its version. */
  async runs(version: string): Promise<void> {
    await this.reports(new RegExp(`^smm-agent ${version.replaceAll('.', '\\.')}[, ]`));
    await until(
      `smm-agent ${version} confirmed`,
      () => this.onProbation(),
      (is) => !is,
    );
  }

  /** Waits until the message of condition SmmAgent matches. */
  async reports(message: RegExp): Promise<void> {
    await until(
      `SmmAgent ${message}; journal:\n${this.machine.journal.slice(-15).join('\n')}`,
      () => this.world.condition('SmmAgent'),
      (seen) => message.test(seen?.message ?? ''),
      30_000,
    );
  }

  /** The version that a link names. */
  async linked(link: 'current' | 'previous'): Promise<string> {
    return basename(await readlink(this.machine.paths[link]));
  }

  async onProbation(): Promise<boolean> {
    return (await readFile(this.machine.paths.probation, 'utf8').catch(() => '')) !== '';
  }

  /** The history of the agent, without its installation. */
  async history(): Promise<Pick<HistoryEntry, 'from' | 'to' | 'result' | 'reason' | 'evidence'>[]> {
    const entries = (await readHistory(this.machine.paths)).filter(({ what }) => what === 'agent').slice(1);
    return entries.map(({ from, to, result, reason, evidence }) => ({ from, to, result, reason, evidence }));
  }

  /** The row `upgrade` of `smm-agent status`, with the reason of the row `agent` instead of "as above". */
  async upgradeRow(): Promise<string> {
    const text = await this.machine.expect('smm-agent', 'status');
    const row = (name: string) => new RegExp(`^${name} +(.*)$`, 'm').exec(text)?.[1] ?? '';
    return row('upgrade').replace('as above', () => row('agent').replace(/^\S+, \w+: /, ''));
  }

  async status(): Promise<Status> {
    return JSON.parse(await this.machine.expect('smm-agent', 'status', '--json')) as Status;
  }

  /** A property of smm-agent.service. */
  async show(property: string): Promise<string> {
    return (await this.machine.expect('systemctl', 'show', 'smm-agent', '-P', property)).trimEnd();
  }

  /** Moves the clock of the scripts forward and stops it: timers read it when they fire. */
  async passTime(seconds: number): Promise<void> {
    const uptime = join(this.machine.root, 'proc/uptime');
    const [up = ''] = (await readFile(uptime, 'utf8')).split(' ');
    await writeFile(`${uptime}.new`, `${(Number(up) + seconds).toFixed(2)} 0.00\n`);
    await rename(`${uptime}.new`, uptime);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.world[Symbol.asyncDispose]();
  }
}
