/** The control plane over the Kubernetes API, made of the parts of src/control-plane. */
import { hostname, networkInterfaces } from 'node:os';
import { onMachine, type Paths } from '../base/paths.ts';
import { controlPlaneProxy } from '../config/proxy.ts';
import type { Config } from '../config/schema.ts';
import { KubernetesClient } from '../control-plane/kubernetes/client.ts';
import { IstioApi } from '../control-plane/kubernetes/istio-api.ts';
import { endOfToken, otherGroup, type TokenFacts } from '../control-plane/kubernetes/token-facts.ts';
import type { EntryReport } from '../control-plane/report/entry-report.ts';
import type { EntryIdentity } from '../control-plane/report/find-entry.ts';
import { HeartbeatLease } from '../control-plane/report/lease.ts';
import type { Versions } from '../control-plane/report/lease-object.ts';
import { WorkloadEntryReporter } from '../control-plane/report/workload-entry.ts';
import type { AgentPolicy } from '../control-plane/target/agent-policy.ts';
import type { Target } from '../control-plane/target/target.ts';
import { TargetReader } from '../control-plane/target/target-reader.ts';
import type { Clock } from '../host/clock.ts';
import type { VmInputs } from '../istio/configuration/inputs.ts';
import type { ProxyIdentity } from '../istio/proxy-environment.ts';
import type { Status } from '../status/status.ts';
import { entryReport } from '../status/views/entry.ts';
import { leaseVersions } from '../status/views/lease.ts';
import type { ControlPlane } from './control-plane.ts';
import type { Ask, Reported } from './dependencies.ts';
import { holderNote } from './holder-note.ts';
import { Outage } from './outage.ts';
import { ReportPace } from './report-pace.ts';

interface Machine {
  paths: Paths;
  machineId: string;
  clock: Clock;
}

/** How old an answer may be for a turn that an event of this machine triggered. */
const RECENT_MS = 60_000;

export class KubernetesControlPlane implements ControlPlane {
  readonly #config: Config;
  readonly #client: KubernetesClient;
  readonly #reader: TargetReader;
  readonly #reporter: WorkloadEntryReporter;
  readonly #lease: HeartbeatLease;
  readonly #clock: Clock;
  /** From the last answer `wanted`: also without a target, the group's labels and network find the entry. */
  #inputs: VmInputs | null = null;
  #last: { target: Target; atMs: number } | null = null;
  /** A request that is under way, even if its turn does not wait any more. */
  #open: Promise<Target> | null = null;
  #policy: AgentPolicy = { answer: 'unknown', reason: 'the control plane was not asked yet' };
  readonly #pace: ReportPace<EntryReport>;
  readonly #leasePace: ReportPace<Versions>;
  readonly #outage: Outage;
  /** The result of the last report. */
  #reported: Reported = { warnings: [], awaitsEntry: false };
  /** From the last real try to write the Lease: most reports do not need to write it. */
  #leaseWarnings: string[] = [];

  constructor(config: Config, { paths, machineId, clock }: Machine) {
    const { server, istioNamespace } = config.controlPlane;
    const caFile = onMachine(paths, config.controlPlane.caFile);
    const tokenFile = onMachine(paths, config.controlPlane.tokenFile);
    const group = config.workloadGroup;
    this.#config = config;
    this.#clock = clock;
    this.#pace = new ReportPace(clock);
    this.#leasePace = new ReportPace(clock);
    this.#outage = new Outage(clock);
    this.#client = new KubernetesClient({ server, caFile, tokenFile, proxy: controlPlaneProxy(config), clock });
    const istio = new IstioApi(this.#client);
    const nodeIp = config.nodeIp ?? null;
    this.#reader = new TargetReader(this.#client, istio, {
      istioNamespace,
      group,
      nodeIp,
      keeps: config.istio.configuration === 'keep',
    });
    this.#reporter = new WorkloadEntryReporter(this.#client, istio, { group, clock });
    const note = holderNote(paths);
    this.#lease = new HeartbeatLease(this.#client, { group, host: hostname(), machineId, clock, note });
  }

  async target(ask: Ask): Promise<Target> {
    const open = this.#open;
    const asked = open === null ? this.#ask(ask) : open.then((target) => (ask === 'fresh' ? this.#ask(ask) : target));
    this.#open = asked;
    try {
      return await asked;
    } finally {
      if (this.#open === asked) this.#open = null;
    }
  }

  async #ask(ask: Ask): Promise<Target> {
    const isRecent = this.#last !== null && this.#clock.bootTimeMs() - this.#last.atMs < RECENT_MS;
    if (this.#last !== null && ((ask === 'recent' && isRecent) || (ask !== 'fresh' && this.#outage.isWaiting))) {
      return this.#last.target;
    }
    if (ask === 'fresh') {
      this.#outage.over();
      this.#reader.refresh();
      this.#reporter.refresh();
    }
    const target = this.#explained(await this.#reader.target());
    if (target.answer === 'wanted') this.#inputs = target.inputs;
    this.#policy = await this.#reader.agentPolicy();
    this.#last = { target, atMs: this.#clock.bootTimeMs() };
    if (target.answer === 'unreachable') this.#outage.failed();
    else this.#outage.over();
    return target;
  }

  /**
   * For "forbidden", an operator would add rights. If the token belongs to another group, say so: no rights are missing
   * then.
   */
  #explained(target: Target): Target {
    if (target.answer !== 'forbidden') return target;
    const other = otherGroup(this.#client.tokenFacts(), this.#config.workloadGroup);
    return other === null ? target : { ...target, reason: `${other}; ${target.reason}` };
  }

  token(): TokenFacts | null {
    return this.#client.tokenFacts();
  }

  agentPolicy(): AgentPolicy {
    return this.#policy;
  }

  hasAnswered(): boolean {
    return this.#client.usage().answers > 0;
  }

  hasRevision(revision: string): Promise<boolean | null> {
    return this.#reader.hasRevision(revision);
  }

  /** Writes to the WorkloadEntry and to the Lease. */
  async report(
    status: Status,
    { revisionGone, identity: known }: { revisionGone: boolean; identity: ProxyIdentity | null },
  ): Promise<Reported> {
    if (this.#outage.isWaiting) return this.#reported;
    const report = entryReport(status, this.#config.report, revisionGone);
    const identity = this.#identity(known);
    const published = await this.#reporter.publish(this.#pace.next(report), identity);
    const versions = this.#leasePace.next(leaseVersions(status));
    // Give all addresses of the machine: they distinguish a machine with a new main address from a clone.
    const beat = await this.#lease.heartbeat(versions, [...identity.addresses, ...ownAddresses()]);
    if (beat.outcome !== 'not-due') this.#leaseWarnings = leaseWarnings(beat);
    const doubts = this.#policy.answer === 'wishes' ? this.#policy.doubts : [];
    const end = endOfToken(this.#client.tokenFacts(), this.#clock.now());
    const warnings = [
      ...(end === null
        ? []
        : [`${end}: store another with kubectl create token <account> | smm-agent set bearer-token -`]),
      ...publicationWarnings(published),
      ...this.#leaseWarnings,
      ...doubts,
    ];
    this.#reported = { warnings, awaitsEntry: published.outcome === 'no-entry' };
    return this.#reported;
  }

  async publishLast(report: EntryReport, versions: Versions, known: ProxyIdentity | null): Promise<string | null> {
    const identity = this.#identity(known);
    const published = await this.#reporter.publish(report, identity);
    const beat = await this.#lease.heartbeat(versions, [...identity.addresses, ...ownAddresses()]);
    const problems = [...publicationWarnings(published), ...leaseWarnings(beat)];
    return problems.length === 0 ? null : problems.join('; ');
  }

  usage(): { requests: number; answers: number; bytes: number } {
    return this.#client.usage();
  }

  close(): void {
    this.#client.close();
  }

  /** From the running proxy; missing parts come from the configuration, the machine and the group. */
  #identity(known: ProxyIdentity | null): EntryIdentity {
    const spec = this.#inputs?.workloadGroup.spec as GroupSpec | undefined;
    const pinned = known?.address ?? this.#config.nodeIp ?? null;
    const addresses = pinned === null ? ownAddresses() : [pinned];
    const network = known?.network ?? spec?.template?.network ?? null;
    return { addresses, network, groupLabels: spec?.metadata?.labels ?? {} };
  }
}

interface GroupSpec {
  template?: { network?: string };
  metadata?: { labels?: Record<string, string> };
}

function ownAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal, address }) => !internal && !address.startsWith('fe80:'))
    .map(({ address }) => address);
}

type Published = Awaited<ReturnType<WorkloadEntryReporter['publish']>>;

function publicationWarnings(result: Published): string[] {
  switch (result.outcome) {
    case 'unchanged':
    case 'written':
      return [];
    case 'no-entry':
      return [`not reported: ${result.reason}`];
    case 'ambiguous':
    case 'conflict':
    case 'held-back':
      return [`cannot report: ${result.reason}`];
    case 'failed':
      return [`cannot report: ${result.error.message}; ${result.error.remedy}`];
  }
}

function leaseWarnings(result: Awaited<ReturnType<HeartbeatLease['heartbeat']>>): string[] {
  switch (result.outcome) {
    case 'renewed':
    case 'created':
    case 'taken-over':
    case 'not-due':
      return [];
    case 'held-by-other':
      return [
        result.isAlive
          ? `Lease ${result.name} is held by another machine (${result.holder}): is this machine a clone of it?`
          : `Lease ${result.name} is held by ${result.holder}: another machine, or this machine before its address ` +
            'changed; the agent takes the Lease over if it is not renewed for five minutes',
      ];
    case 'failed':
      return [`cannot renew the Lease: ${result.error.message}; ${result.error.remedy}`];
  }
}
