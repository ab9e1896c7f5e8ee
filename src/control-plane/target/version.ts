/** The Istio version of a revision, and whether it is settled. Decisions only: nothing here asks the API server. */

import { z } from 'zod';
import { parseJson } from '../../host/json.ts';
import { isSameRelease, parseIstioVersion } from '../../istio/version.ts';
import type { Deployment } from '../kubernetes/objects.ts';
import type { Target } from './target.ts';

export interface VersionFacts {
  deployment: Deployment;
  /** `global.tag` of the injector's values, null if there is none. */
  injectorTag: string | null;
  /** `spec.version` of Service Mesh Manager's IstioControlPlane; null in any other mesh. */
  controlPlaneVersion: string | null;
  /** `spec.version` of Sail's IstioRevision; null in any other mesh. */
  sailVersion: string | null;
}

export type VersionAnswer =
  | { answer: 'settled'; version: string }
  | Extract<Target, { answer: 'unsettled' | 'missing' }>;

/**
 * The best source counts: the IstioControlPlane, else istiod's Deployment, else the injector's tag, else the
 * IstioRevision. While the Deployment is being rolled out, or sources disagree, an upgrade is under way.
 */
export function versionOf(facts: VersionFacts): VersionAnswer {
  const { deployment } = facts;
  const moving = rollout(deployment);
  if (moving !== null) return { answer: 'unsettled', reason: moving };
  const running = istiodVersion(deployment);
  const injector = releaseOf(facts.injectorTag);
  const name = deployment.metadata.name;
  if (running !== null && injector !== null && running !== injector) {
    const reason = `an upgrade of ${name} is under way: it runs ${running}, and the injector's values say ${injector}`;
    return { answer: 'unsettled', reason };
  }
  const wanted = releaseOf(facts.controlPlaneVersion);
  if (wanted !== null) {
    // Vendors' images carry a build (v1.15.3-smm.2) that spec.version does not have.
    if (running !== null && !isSameRelease(wanted, running)) {
      const reason = `an upgrade of ${name} is under way: it runs ${running}, and its IstioControlPlane wants ${wanted}`;
      return { answer: 'unsettled', reason };
    }
    return { answer: 'settled', version: wanted };
  }
  const version = running ?? injector ?? releaseOf(facts.sailVersion);
  if (version !== null) return { answer: 'settled', version };
  const reason =
    `the version of ${name} is not known: its image has no version tag, and neither the label app.kubernetes.io/version ` +
    "nor the injector's global.tag names one";
  return { answer: 'missing', reason };
}

/** The version that istiod's own Deployment names: the tag of its image, else its label (Istio 1.24 and later). */
function istiodVersion({ metadata, spec }: Deployment): string | null {
  const image = spec.template.spec.containers.find(({ name }) => name === 'discovery')?.image ?? '';
  return releaseOf(tagOf(image)) ?? releaseOf(metadata.labels['app.kubernetes.io/version'] ?? null);
}

/** Why the Deployment is not what its spec says, null when it is. */
function rollout({ metadata, spec, status }: Deployment): string | null {
  const { name } = metadata;
  if (status.observedGeneration < metadata.generation) return `an upgrade of ${name} has just begun`;
  if (spec.replicas === 0) return `${name} is scaled to 0: nothing would serve a proxy`;
  const { replicas, updatedReplicas, availableReplicas } = status;
  if (replicas === spec.replicas && updatedReplicas === spec.replicas && availableReplicas === spec.replicas)
    return null;
  return (
    `${name} is not rolled out: of ${spec.replicas} replicas ${updatedReplicas} are updated and ` +
    `${availableReplicas} available, ${replicas} exist`
  );
}

/** The tag of an image reference: after the last colon of the last part, the digest left out. Null without one. */
export function tagOf(image: string): string | null {
  const [reference = ''] = image.split('@');
  const last = reference.slice(reference.lastIndexOf('/') + 1);
  const colon = last.indexOf(':');
  return colon === -1 ? null : last.slice(colon + 1);
}

/**
 * A version of Istio's packages as istio/version.ts writes it, without
 * `v` and image variants; null when the text is not a version.
 */
export function releaseOf(text: string | null): string | null {
  const version = (text ?? '').replace(/^v/, '').replace(/-(distroless|debug)$/, '');
  return parseIstioVersion(version)?.text ?? null;
}

const InjectorValues = z.object({
  global: z.object({ tag: z.union([z.string(), z.number().transform(String)]).nullish() }).nullish(),
});

/**
 * `global.tag` of the injector's values. Values that are not JSON
 * name no version; the rendering says what is wrong with them.
 */
export function injectorTagOf(values: string | null): string | null {
  return values === null ? null : (InjectorValues.safeParse(parseJson(values)).data?.global?.tag ?? null);
}
