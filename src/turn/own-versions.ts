/** The agent's own versions in a turn: the wanted version, the repository, confirmations and refusals. */
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
  /**
   * The repository of this turn. A turn asks for its state once, so that all its files are verified at the same state.
   */
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

  /** Rejects with SMM706 if no repository is configured. */
  async repository(url: string | null): Promise<SignedRepository> {
    if (url === null) throw noRepository();
    if (this.#repository?.url !== url) this.#repository = { url, opened: openRepository(url, this.#parts) };
    return this.#repository.opened;
  }

  /** Unlike a failed attempt, this rejects the version: its own self-check says that it does not work here. */
  async refuse({ version, from }: Extract<Step, { do: 'upgrade-agent' }>, error: SelfCheckFailed): Promise<void> {
    const { paths, clock } = this.#parts;
    await keepEvidence(paths, version, error.evidence);
    await new VersionRejections(paths, clock).refuse(version, error.why, from);
  }

  /**
   * After the first turn of a version on probation, which has read the configuration and observed the machine: writes
   * the status, and confirms the version if the control plane has given any response. Returns sentences about what was
   * done, or null if the version is not confirmed.
   */
  async conclude(status: Status, observation: Observation | null): Promise<string[] | null> {
    const { paths, clock, controlPlane, invocation } = this.#parts;
    const { probation = null, left = null } = observation?.agent ?? {};
    await writeStatus(paths, status);
    checkpoint('agent-turn-reported');
    if (probation === null) return [];
    // A turn of a command is no evidence about the daemon.
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
      // Another process holds the lock, for example the installation of a package.
      await noteTurn(paths, 'lock', invocation);
      return null;
    }
    if (migrated === null) return [];
    // Forget earlier rejections, so that agent-heal may choose this version.
    await new VersionRejections(paths, clock).clear(probation.to);
    return [`smm-agent ${probation.to} is confirmed, in place of ${probation.from}`, ...migrated];
  }

  /**
   * Adds new events to the history, and forgets an operator's rollback when another version is wanted. Returns as
   * AgentHistory.note does.
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

/** Imported late, because of tuf-js: most turns do not ask the repository. */
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
