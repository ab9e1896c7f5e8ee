/**
 * A machine of the mesh whose agent upgrades itself: the package with a root of trust, a repository, and what an
 * operator sees of it.
 */
import assert from 'node:assert/strict';
import { parse } from 'yaml';
import { configMapOf } from '../../../publisher/operations/announce.ts';
import type { HistoryEntry } from '../../../src/history/history.ts';
import type { Status } from '../../../src/status/status.ts';
import { AgentVm, type AgentVmOptions } from '../agent-vm.ts';
import type { Lab } from '../lab/lab.ts';
import type { KubeObject } from '../lab/mesh/kube.ts';
import { until } from '../lab/until.ts';
import type { AgentRepository } from './repository.ts';

/** After anything at all a working agent runs within this time: the promise of the whole. */
export const TWO_MINUTES_MS = 120_000;

/** The agent, its timers, and what systemd says of both. */
const UNITS = "-u smm-agent -u 'smm-agent-deadline-*'";

export class UpgradeVm {
  readonly vm: AgentVm;
  readonly repository: AgentRepository;
  #istio: string[];

  private constructor(vm: AgentVm, repository: AgentRepository, istio: string[]) {
    this.vm = vm;
    this.repository = repository;
    this.#istio = istio;
  }

  /** Adopted, and of the version of the sources. */
  static async make(lab: Lab, repository: AgentRepository, options: AgentVmOptions): Promise<UpgradeVm> {
    const settings = [
      ['repository.url', repository.url],
      ['repository.caFile', '/root/ca.crt'],
      ...(options.settings ?? []),
    ] as const;
    const vm = await AgentVm.make(lab, { ...options, settings, trustedRoot: repository.root });
    try {
      await vm.adopted();
      return await UpgradeVm.of(vm, repository);
    } catch (error) {
      await vm.end();
      throw error;
    }
  }

  /** One whose Istio runs. */
  static async of(vm: AgentVm, repository: AgentRepository): Promise<UpgradeVm> {
    return new UpgradeVm(vm, repository, await vm.istioProcesses());
  }

  get machine() {
    return this.vm.machine;
  }

  /** Looks at once at what has been announced. */
  async reconcile(): Promise<void> {
    await this.machine.exec(['smm-agent', 'reconcile'], { timeoutMs: TWO_MINUTES_MS });
  }

  /** Waits until this version runs, confirmed, and the machine is as it should be. */
  confirmed(version: string, timeoutMs = TWO_MINUTES_MS): Promise<Status> {
    return this.#until(
      `smm-agent ${version} to be confirmed`,
      ({ agent, upgrade, restart }) =>
        agent.version === version &&
        agent.state === 'ready' &&
        upgrade?.installed === version &&
        upgrade.probation === null &&
        restart.pending !== 'unknown',
      timeoutMs,
    );
  }

  /** Waits until `back` works again, `version` is not tried any more, and history, report and journal have it. */
  async putBack(version: string, back: string, timeoutMs = TWO_MINUTES_MS): Promise<Status> {
    const status = await this.#until(
      `smm-agent ${version} to be rolled back`,
      ({ agent, upgrade }) =>
        agent.version === back &&
        upgrade?.installed === back &&
        upgrade.wanted === version &&
        upgrade.state === 'rejected',
      timeoutMs,
    );
    // They come after the status, in the same turn.
    await this.reconcile();
    return status;
  }

  /** As that of AgentVm; the journal is in the error. */
  async #until(...args: Parameters<AgentVm['until']>): Promise<Status> {
    try {
      return await this.vm.until(...args);
    } catch (cause) {
      const lines = await this.machine.sh(`journalctl --sync; journalctl --no-pager -o cat -n 60 ${UNITS}`);
      throw new Error(`${args[0]}: it did not come to that; the journal:\n${lines}`, { cause });
    }
  }

  /** The newest last. */
  async history(): Promise<HistoryEntry[]> {
    const lines = (await this.machine.sh('smm-agent history --json')).split('\n').filter(Boolean);
    return lines.map((line) => JSON.parse(line) as HistoryEntry);
  }

  /** Istio was not restarted since its processes were noted. */
  async assertIstioUntouched(): Promise<void> {
    assert.deepEqual(await this.vm.istioProcesses(), this.#istio);
  }

  /** Done once at the beginning; to be done after a boot. */
  async noteIstio(): Promise<void> {
    this.#istio = await this.vm.istioProcesses();
  }

  /** The condition SmmAgent, once its message matches. */
  said(message: RegExp): Promise<KubeObject> {
    return until(
      `condition SmmAgent to say ${message}`,
      async () =>
        ((await this.vm.entry())?.status?.conditions ?? []).find((one: KubeObject) => one.type === 'SmmAgent'),
      TWO_MINUTES_MS,
      (condition: KubeObject | undefined) => message.test(condition?.message ?? ''),
    );
  }

  /**
   * Where the journal ends now. Not a cursor of journalctl's: after one it leaves out the first line that a filter lets
   * pass.
   */
  async cursor(): Promise<number> {
    return (await this.since(0)).length;
  }

  /** Lines of the agent, its guard, its timers, and of systemd about them, since then. */
  async since(cursor: number): Promise<string[]> {
    const text = await this.machine.sh(`journalctl --sync; journalctl --no-pager -o cat ${UNITS}`);
    return text.split('\n').filter(Boolean).slice(cursor);
  }

  async show(property: string): Promise<string> {
    return (await this.machine.sh(`systemctl show -P ${property} smm-agent`)).trim();
  }
}

/** ConfigMap smm-agent, as `npm run repository -- announce` applies it. */
export async function announce(
  lab: Lab,
  version: string,
  more: Omit<Parameters<typeof configMapOf>[0], 'version'> = {},
) {
  await lab.kube.applyObjects([parse(configMapOf({ version, ...more }))]);
}
