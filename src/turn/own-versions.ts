/** What a turn needs about the agent's own versions: which one is wanted, where it comes from, and what became of one. */
import type { AgentError } from '../base/errors.ts';
import { onMachine } from '../base/paths.ts';
import { AGENT_VERSION } from '../base/version.ts';
import { downloadProxy } from '../config/proxy.ts';
import type { Step } from '../decision/step.ts';
import { type AgentWanted, wantedAgent } from '../decision/wanted-agent.ts';
import type { SignedRepository } from '../downloads/signed/signed-repository.ts';
import { AgentHistory } from '../history/keeper.ts';
import { checkpoint } from '../host/files/checkpoints.ts';
import type { Observation } from '../observation/observation.ts';
import { writeStatus } from '../status/file.ts';
import type { Status } from '../status/status.ts';
import { noRepository, type SelfCheckFailed } from '../versions/errors.ts';
import { keepEvidence } from '../versions/evidence.ts';
import { isUnlockable } from '../versions/lock.ts';
import { noteTurn } from '../versions/probation.ts';
import { VersionRejections } from '../versions/rejections.ts';
import type { AgentParts } from './agent-parts.ts';

export class OwnVersions {
  readonly #parts: AgentParts;
  readonly #history: AgentHistory;
  /** Of this turn: everything in it is judged as of one time, and the repository is asked for its state once. */
  #repository: { url: string; opened: Promise<SignedRepository> } | null = null;

  constructor(parts: AgentParts) {
    this.#parts = parts;
    this.#history = new AgentHistory(parts.paths);
  }

  beginTurn(): void {
    this.#repository = null;
  }

  wanted(): Promise<AgentWanted> {
    const { controlPlane, config } = this.#parts;
    return wantedAgent(controlPlane.agentPolicy(), config, AGENT_VERSION);
  }

  /** Rejects with SMM706 where nobody names one. */
  async repository(url: string | null): Promise<SignedRepository> {
    if (url === null) throw noRepository();
    if (this.#repository?.url !== url) this.#repository = { url, opened: openRepository(url, this.#parts) };
    return this.#repository.opened;
  }

  /** Not a failed attempt like others: the version itself says that it does not work here. */
  async refuse({ version, from }: Extract<Step, { do: 'upgrade-agent' }>, error: SelfCheckFailed): Promise<void> {
    const { paths, clock } = this.#parts;
    await keepEvidence(paths, version, error.evidence);
    await new VersionRejections(paths, clock).refuse(version, error.why, from);
  }

  /**
   * After the first turn of a version on probation: configuration read, host observed, and now the status written. What is left is an
   * answer of the control plane, whichever. Returns what was done, null when the version is not confirmed.
   */
  async conclude(status: Status, observation: Observation | null): Promise<string[] | null> {
    const { paths, clock, controlPlane, invocation } = this.#parts;
    const { probation = null, left = null } = observation?.agent ?? {};
    await writeStatus(paths, status);
    checkpoint('agent-turn-reported');
    if (probation === null) return [];
    // A command's own turn says nothing about the daemon.
    if (invocation === null) return null;
    if (!controlPlane.hasAnswered()) {
      await noteTurn(paths, 'control-plane', invocation);
      return null;
    }
    const { confirmVersion } = await import('../versions/confirm.ts');
    const isRollback = left?.for === probation.to;
    const note = () => this.#history.noteConfirmed(probation, clock.now(), isRollback);
    let migrated: string[] | null;
    try {
      migrated = await confirmVersion(paths, probation, note);
    } catch (error) {
      if (!isUnlockable(error)) throw error;
      // A package that is at work, for example.
      await noteTurn(paths, 'lock', invocation);
      return null;
    }
    if (migrated === null) return [];
    // Earlier tries count no more, and agent-heal may take it like any other.
    await new VersionRejections(paths, clock).clear(probation.to);
    return [`smm-agent ${probation.to} is confirmed, in place of ${probation.from}`, ...migrated];
  }

  /**
   * Brings the history into step with what was seen, and an operator's choice with what is wanted since. Returns as AgentHistory does.
   */
  async note(observation: Observation, { upgrade }: Pick<Status, 'upgrade'>): Promise<AgentError | null> {
    const full = await this.#history.note(observation);
    const { left } = observation.agent;
    if (left === null || upgrade === null || upgrade.wanted === null || upgrade.wanted === left.version) return full;
    const { forgetLeftVersion } = await import('../versions/operators-choice.ts');
    await forgetLeftVersion(this.#parts.paths, left);
    return full;
  }
}

/** tuf-js is imported only here: most turns ask no repository. */
async function openRepository(url: string, { paths, config, clock }: AgentParts): Promise<SignedRepository> {
  const { SignedRepository: Repository } = await import('../downloads/signed/signed-repository.ts');
  const { caFile, rootFile } = config.repository;
  return new Repository({
    url,
    rootFile: onMachine(paths, rootFile),
    cacheFolder: paths.repositoryCache,
    downloads: paths.downloads,
    caFile: caFile === undefined ? null : onMachine(paths, caFile),
    root: paths.root,
    proxy: downloadProxy(config),
    clock,
  });
}
