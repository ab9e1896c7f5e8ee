/**
 * Which Istio release the control plane's answer means for this machine: version, revision and configuration together.
 * Rendering is imported late, since an idle poll takes its answer from the memo.
 */

import { AgentError, describeError } from '../base/errors.ts';
import type { Config } from '../config/schema.ts';
import type { Revision, Target } from '../control-plane/target/target.ts';
import type { VmInputs } from '../istio/configuration/inputs.ts';
import type { OwnFileNames } from '../istio/configuration/kept.ts';
import type { OwnConfiguration } from '../istio/configuration/own-configuration.ts';
import type { ReleaseConfiguration } from '../istio/release.ts';
import { comparable } from '../istio/version.ts';

/** The wanted release, or the reason why there is none. */
export type Wanted =
  | {
      answer: 'release';
      istioVersion: string;
      revision: Revision;
      kind: 'keep' | 'render';
      /** The mesh file has the placeholder RELEASE_FOLDER instead of the folder of the release. */
      configuration: ReleaseConfiguration;
      /** Settings of the control plane that could not be used, and that this machine does not need. */
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
  /** The names that errors use for the machine's own files. */
  names: OwnFileNames;
  resolve: (host: string) => Promise<string[]>;
}

/** An error of rendering is the answer `invalid`: a hostile or broken WorkloadGroup must not end the turn. */
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
      "the record of this machine's own configuration is missing or damaged " +
      "(run smm-agent adopt --yes, which makes it again from the files of Istio's package)";
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

/**
 * The sentence about a missing object that is needed: rendering needs all objects, a move only the mesh, which has
 * addresses.
 */
function lackingFor(
  { kind, isMove }: { kind: string; isMove: boolean },
  { lacking = {} }: VmInputs,
): string | undefined {
  if (kind === 'render') return Object.values(lacking)[0];
  return isMove ? lacking.mesh : undefined;
}
