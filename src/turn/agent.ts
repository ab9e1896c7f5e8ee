/** The real TurnDependencies: the agent on this machine, made of its parts. */
import { createHash } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { isDeepStrictEqual } from 'node:util';
import { AgentError, describeError, isAgentError } from '../base/errors.ts';
import type { Paths } from '../base/paths.ts';
import type { Config } from '../config/schema.ts';
import type { TokenFacts } from '../control-plane/kubernetes/token-facts.ts';
import type { Target } from '../control-plane/target/target.ts';
import { Attempts } from '../decision/attempts.ts';
import { isNotPinned, packagePin } from '../decision/package-pin.ts';
import { ADOPT_KEY, HOSTS_KEY } from '../decision/reasons.ts';
import type { Step } from '../decision/step.ts';
import { type Wanted, wantedRelease } from '../decision/wanted.ts';
import type { AgentWanted } from '../decision/wanted-agent.ts';
import { readText } from '../host/files/files.ts';
import { ProxyReach } from '../istio/activation/reach.ts';
import { isOwnFileAtFault } from '../istio/configuration/problem.ts';
import { firstRelease } from '../observation/first-release.ts';
import type { AgentObservation, Observation } from '../observation/observation.ts';
import { observe } from '../observation/observe.ts';
import { observeAgent } from '../observation/own-versions.ts';
import { observeSettings } from '../observation/settings.ts';
import { writeStatus } from '../status/file.ts';
import type { Status } from '../status/status.ts';
import { SelfCheckFailed } from '../versions/errors.ts';
import { installedDiscoveryHost, packageSource, take } from './act/act.ts';
import { isRefusal, PackageRefused } from './act/refusal.ts';
import type { Hands } from './act/step-context.ts';
import type { AgentParts } from './agent-parts.ts';
import type { Ask, Reported, TurnDependencies } from './dependencies.ts';
import type { Tell } from './events.ts';
import { OwnVersions } from './own-versions.ts';
import { ReplacedPackages } from './replaced-packages.ts';
import { RiskyInputs } from './risky-inputs.ts';
import { writeRules } from './rules.ts';

/** A host name may have rotating addresses, and each answer could make another release: so look it up this rarely. */
const WANTED_FRESH_MS = 600_000;

export class Agent implements TurnDependencies {
  readonly #parts: AgentParts;
  readonly #attempts: Attempts;
  #observation: Observation | null = null;
  /** The result of the last report. */
  #reported: Reported = { warnings: [], awaitsEntry: false };
  #memo: { key: string; target: Target; wanted: Wanted; atMs: number } | null = null;
  readonly #own: OwnVersions;
  readonly #risks: RiskyInputs;
  readonly #hands: Hands;
  readonly #replaced: ReplacedPackages;
  readonly #reach: ProxyReach;

  constructor(parts: AgentParts) {
    this.#parts = parts;
    this.#attempts = new Attempts(parts.paths);
    this.#own = new OwnVersions(parts);
    this.#hands = {
      ...parts,
      repository: (url) => this.#own.repository(url),
      pinOf: (version, architecture) => packagePin(parts.controlPlane.agentPolicy(), version, architecture),
    };
    this.#risks = parts.risks ?? new RiskyInputs(parts.paths, parts.clock);
    this.#reach = new ProxyReach(parts.paths);
    this.#replaced = new ReplacedPackages(parts.config, () => packageSource(this.#hands, null));
  }

  async observe(): Promise<Observation> {
    const { inEffect, paths } = this.#parts;
    const settings = inEffect === undefined ? null : await observeSettings(inEffect, paths);
    this.#observation = { ...(await observe({ ...this.#parts, reach: this.#reach })), settings };
    return this.#observation;
  }

  observeAgent(): Promise<AgentObservation> {
    return observeAgent(this.#parts, this.#parts.invocation);
  }

  target(ask: Ask): Promise<Target> {
    if (ask === 'fresh') this.#memo = null;
    this.#own.beginTurn();
    this.#replaced.beginTurn(ask);
    return this.#parts.controlPlane.target(ask);
  }

  wantedAgent(): Promise<AgentWanted> {
    return this.#own.wanted();
  }

  /** The same target gives the same release, so an idle poll renders nothing. */
  async wanted(target: Target, observation: Observation): Promise<Wanted> {
    const { config, paths, clock } = this.#parts;
    const knownHosts = [observation.active, observation.staged].flatMap(
      (release) => release?.configuration.hosts ?? [],
    );
    const { own } = observation;
    const key = JSON.stringify([own?.revision, observation.active?.manifest.id, firstRelease(observation), knownHosts]);
    const isFresh =
      this.#memo !== null &&
      this.#memo.target === target &&
      this.#memo.key === key &&
      clock.bootTimeMs() - this.#memo.atMs < WANTED_FRESH_MS;
    if (this.#memo !== null && isFresh) return this.#memo.wanted;
    // getaddrinfo sorts the addresses by the routes of this machine (RFC 6724).
    const resolve = async (host: string) =>
      (await lookup(host, { all: true, order: 'verbatim' })).map(({ address }) => address);
    const render = () =>
      wantedRelease({
        target,
        config,
        isAdopted: firstRelease(observation) !== 'due',
        own,
        knownHosts,
        activeLink: paths.active,
        names: paths.istio,
        resolve,
      });
    // Only a configuration from the cluster is a risky input. Without a target nothing is rendered from outside, so no
    // note.
    const wanted =
      target.answer === 'wanted'
        ? await this.#risks.at(
            `configuration ${digestOf(target)}`,
            `the configuration of ${target.revision.name}`,
            render,
          )
        : await render();
    this.#memo = { key, target, wanted, atMs: clock.bootTimeMs() };
    return wanted;
  }

  /**
   * Found from the host of istiod in Istio's own files. An operator's own host name does not contain the revision: then
   * the wanted revision is assumed, so that nothing changes on this machine.
   */
  async adoptedRevision(target: Target): Promise<string | null> {
    if (target.answer !== 'wanted') return null;
    const { istiodHostOf } = await import('../istio/configuration/render.ts');
    const { revisionInHost } = await import('../istio/configuration/discovery.ts');
    const host = await installedDiscoveryHost(this.#parts.paths);
    return host === istiodHostOf(target.inputs) ? target.revision.name : (revisionInHost(host) ?? target.revision.name);
  }

  async attempts() {
    const now = this.#parts.clock.now();
    return this.#replaced.without(await this.#attempts.read(now), this.#memo?.wanted ?? null, now);
  }

  async take(step: Step, tell: Tell, signal: AbortSignal): Promise<void> {
    const observed = async () => this.#observation ?? this.observe();
    const key = attemptKey(step);
    const work = () => take(step, this.#hands, { observed, tell, signal });
    // The scripts guard an upgrade of the agent: no note is needed.
    const isRisky = key !== null && step.do !== 'upgrade-agent';
    await (!isRisky ? work() : this.#risks.at(`${step.do} ${key}`, `the step ${step.do} (${step.why})`, work));
    if (key !== null) await this.#attempts.succeeded(key, this.#parts.clock.now());
  }

  async failed(step: Step, error: AgentError): Promise<void> {
    if (step.do === 'upgrade-agent' && error instanceof SelfCheckFailed) return this.#own.refuse(step, error);
    const key = attemptKey(step);
    // An error in an operator's file is not noted: reading it again is cheap, and a correction must help at once.
    if (key === null || isOwnFileAtFault(error) || isBeforeAnyRequest(error)) return;
    const about = error instanceof PackageRefused ? { packageDigest: error.packageDigest } : {};
    const wait = { refused: isRefusal(error), ...about, ...retryAfter(error) };
    await this.#attempts.failed(key, describeError(error), this.#parts.clock.now(), wait);
  }

  concludeProbation(status: Status): Promise<string[] | null> {
    return this.#own.conclude(status, this.#observation);
  }

  writeRules(config: Config, target: Target, observation: Observation): Promise<void> {
    const { paths, clock, controlPlane } = this.#parts;
    return writeRules(paths, config, target, observation, clock, (revision) => controlPlane.hasRevision(revision));
  }

  /**
   * Writes status.json first, since it must not wait for the control plane. At that moment it has the warnings of the
   * report before; it is written again only if the new report has other warnings.
   */
  async report(status: Status): Promise<Reported> {
    const { paths, controlPlane } = this.#parts;
    const write = () => {
      const { warnings, awaitsEntry } = this.#reported;
      const token = tokenSummary(controlPlane.token());
      return writeStatus(paths, { ...status, token, warnings: [...status.warnings, ...warnings], awaitsEntry });
    };
    await write();
    const full = this.#observation === null ? null : await this.#own.note(this.#observation, status);
    const notNoted = full === null ? [] : [`${describeError(full)} (${full.remedy})`];
    const before = this.#reported;
    const { warnings, awaitsEntry } = await this.#reportToControlPlane(status);
    this.#reported = { warnings: [...warnings, ...notNoted], awaitsEntry };
    if (!isDeepStrictEqual(this.#reported, before)) await write();
    return this.#reported;
  }

  async #reportToControlPlane(status: Status): Promise<Reported> {
    const { controlPlane } = this.#parts;
    const running = status.istio.running?.revision ?? null;
    const isMoving = running !== null && status.target.revision !== null && running !== status.target.revision;
    const revisionGone = isMoving && (await controlPlane.hasRevision(running)) === false;
    return controlPlane.report(status, { revisionGone, identity: this.#observation?.identity ?? null });
  }
}

/** Of all inputs of a configuration. */
function digestOf({ istioVersion, revision, inputs }: Extract<Target, { answer: 'wanted' }>): string {
  return createHash('sha256')
    .update(JSON.stringify([istioVersion, revision, inputs]))
    .digest('hex');
}

/** The key of a step that is expensive, so that a failed try is not repeated at every turn; null for other steps. */
function attemptKey(step: Step): string | null {
  if (step.do === 'adopt') return ADOPT_KEY;
  if (step.do === 'restore-hosts') return HOSTS_KEY;
  return step.do === 'stage' || step.do === 'upgrade-agent' ? step.key : null;
}

/** These errors come before any request, so each poll can check again: a correction helps at once. */
function isBeforeAnyRequest(error: AgentError): boolean {
  return isAgentError(error, 'SMM465') || isNotPinned(error);
}

function retryAfter(error: AgentError): { atLeastMs?: number } {
  return 'retryAfterMs' in error && typeof error.retryAfterMs === 'number' ? { atLeastMs: error.retryAfterMs } : {};
}

/** Rejects with SMM510 on a machine without an id (some containers), which cannot name its Lease. */
export async function readMachineId(paths: Paths): Promise<string> {
  const id = (await readText(paths.machineId))?.trim() ?? '';
  if (/^[0-9a-f]{32}$/.test(id)) return id;
  const remedy = 'run systemd-machine-id-setup';
  throw new AgentError('SMM510', `cannot use ${paths.machineId}: it does not contain a machine id`, remedy);
}

function tokenSummary(facts: TokenFacts | null): NonNullable<Status['token']> | null {
  return facts === null ? null : { group: facts.group, validUntil: facts.validUntil?.toISOString() ?? null };
}
