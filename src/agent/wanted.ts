/**
 * Which Istio release the control plane's answer amounts to on this machine: version, revision and configuration together.
 * Rendering is imported late, since an idle poll finds its answer in the memo.
 */
import type { Config } from '../config.ts';
import type { Revision, Target } from '../control-plane/target.ts';
import { AgentError, describeError } from '../errors.ts';
import { RELEASE_FILES, RELEASE_FOLDER, type ReleaseConfiguration } from '../istio/release.ts';

/** A release that is wanted, or the reason why none can be named. */
export type Wanted =
  | {
      answer: 'release';
      istioVersion: string;
      revision: Revision;
      kind: 'keep' | 'render';
      /** The mesh file holds RELEASE_FOLDER instead of the folder. */
      configuration: ReleaseConfiguration;
    }
  | { answer: 'nothing'; because: WantedNothing; reason: string };

export type WantedNothing = Exclude<Target['answer'], 'wanted'> | 'not-allowed' | 'not-adopted';

/** The release that Istio starts with now: where a kept configuration begins. */
export interface Basis {
  revision: string | null;
  /** With RELEASE_FOLDER instead of the folder. */
  configuration: ReleaseConfiguration;
}

/** Finds the addresses of a gateway that has a host name instead of an address. */
export type ResolveHost = (host: string) => Promise<string>;

/**
 * Pure but for `resolveHost`. Errors of rendering are an answer (`invalid`): a hostile or broken WorkloadGroup is nothing
 * to crash on.
 */
export async function wantedRelease(
  target: Target,
  basis: Basis | null,
  config: Config,
  resolveHost: ResolveHost,
): Promise<Wanted> {
  if (target.answer !== 'wanted') return { answer: 'nothing', because: target.answer, reason: target.reason };
  const { istioVersion, revision } = target;
  const { default: semver } = await import('semver');
  if (!semver.satisfies(istioVersion, config.istio.allow, { includePrerelease: true })) {
    const reason = `Istio ${istioVersion} is outside of what istio.allow permits here (${config.istio.allow})`;
    return { answer: 'nothing', because: 'not-allowed', reason };
  }
  const kind = config.istio.configuration;
  if (basis === null && kind === 'keep') {
    const reason = 'Istio on this machine is not adopted yet, so there is no configuration to keep';
    return { answer: 'nothing', because: 'not-adopted', reason };
  }
  try {
    const configuration = await configure(target, basis, config, resolveHost);
    return { answer: 'release', istioVersion, revision, kind, configuration };
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    return { answer: 'nothing', because: 'invalid', reason: describeError(error) };
  }
}
