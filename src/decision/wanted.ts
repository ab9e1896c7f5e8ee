/**
 * Which Istio release the control plane's answer amounts to on this machine: version, revision and configuration together.
 * Rendering is imported late, since an idle poll finds its answer in the memo.
 */

import { AgentError, describeError } from '../base/errors.ts';
import type { Config } from '../config/schema.ts';
import type { Revision, Target } from '../control-plane/target/target.ts';
import type { VmInputs } from '../istio/configuration/inputs.ts';
import type { OwnFileNames } from '../istio/configuration/kept.ts';
import type { OwnConfiguration } from '../istio/configuration/own-configuration.ts';
import type { ReleaseConfiguration } from '../istio/release.ts';
import { comparable } from '../istio/version.ts';

/** A release that is wanted, or the reason why none can be named. */
export type Wanted =
  | {
      answer: 'release';
      istioVersion: string;
      revision: Revision;
      kind: 'keep' | 'render';
      /** The mesh file holds RELEASE_FOLDER instead of the folder. */
      configuration: ReleaseConfiguration;
      /** What the control plane says that could not be used, and is not needed here. */
      warnings?: string[];
    }
  | { answer: 'nothing'; because: WantedNothing; reason: string }
  | { answer: 'nothing'; because: 'not-allowed'; istioVersion: string; reason: string };

/** `own-lost`: Istio is adopted, and the record of the machine's own configuration is missing or damaged. */
export type WantedNothing = Exclude<Target['answer'], 'wanted'> | 'not-adopted' | 'own-lost';

export interface WantedRequest {
  target: Target;
  config: Config;
  isAdopted: boolean;
  /** The machine's own configuration, null before its Istio is adopted, and when it is lost. */
  own: OwnConfiguration | null;
  /** The hosts lines of the releases in use. */
  knownHosts: readonly string[];
  activeLink: string;
  /** What errors call the machine's own files. */
  names: OwnFileNames;
  resolve: (host: string) => Promise<string[]>;
}

/** Errors of rendering are an answer (`invalid`): a hostile or broken WorkloadGroup is nothing to crash on. */
export async function wantedRelease(request: WantedRequest): Promise<Wanted> {
  const { target, config, own } = request;
  if (target.answer !== 'wanted') return { answer: 'nothing', because: target.answer, reason: target.reason };
  const { istioVersion, revision, inputs } = target;
  const semver = await import('../base/semver.ts');
  if (!semver.satisfies(comparable(istioVersion), config.istio.allow, { includePrerelease: true })) {
    const reason = `Istio ${istioVersion} is outside of what istio.allow permits here (${config.istio.allow})`;
    return { answer: 'nothing', because: 'not-allowed', istioVersion, reason };
  }
  const kind = config.istio.configuration;
  if (own === null && request.isAdopted) {
    const reason =
      "the record of this machine's own configuration is missing or damaged (run smm-agent adopt --yes, which takes it from the files of Istio's package again)";
    return { answer: 'nothing', because: 'own-lost', reason };
  }
  if (own === null) {
    return { answer: 'nothing', because: 'not-adopted', reason: 'Istio on this machine is not adopted yet' };
  }
  const isMove = own.revision !== revision.name;
  const lacking = lackingFor({ kind, isMove }, inputs);
  if (lacking !== undefined) return { answer: 'nothing', because: 'missing', reason: lacking };
  const { nextConfiguration } = await import('../istio/configuration/next-configuration.ts');
  try {
    const next = await nextConfiguration({
      kind,
      inputs,
      own: own.configuration,
      isMove,
      local: { env: config.istio.env, mesh: config.istio.mesh },
      activeLink: request.activeLink,
      resolve: request.resolve,
      knownHosts: request.knownHosts,
      names: request.names,
    });
    return { answer: 'release', istioVersion, revision, kind, ...next };
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    return { answer: 'nothing', because: 'invalid', reason: `${describeError(error)} (${error.remedy})` };
  }
}

/** The sentence about the first object that is not there and needed: all of them for rendering, and for a move what names the addresses. */
function lackingFor(
  { kind, isMove }: { kind: string; isMove: boolean },
  { lacking = {} }: VmInputs,
): string | undefined {
  if (kind === 'render') return Object.values(lacking)[0];
  return isMove ? lacking.mesh : undefined;
}
