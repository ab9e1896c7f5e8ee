/** Asks the API server for the facts that `revision.ts` needs, and follows a name to the istiod that serves it. */
import type { ObjectCache } from '../kubernetes/cache.ts';
import { isFailure } from '../kubernetes/failure.ts';
import { MutatingWebhook, resources } from '../kubernetes/objects.ts';
import {
  type Place,
  plainPlace,
  serviceMeshManagerPlace,
  taggedRevision,
  type Unresolved,
  unresolved,
} from './revision.ts';

/** A revision that exists. */
export interface Resolved {
  answer: 'resolved';
  /** `default`, or for example `canary` or `cp-v115x.istio-system`. */
  revision: string;
  place: Place;
  /** Name of istiod's Deployment in `place.namespace`. */
  deployment: string;
  managedBy: 'istio' | 'service-mesh-manager';
}

/** Follows `asked` through tags. Known objects are asked for again only when `fresh`. */
export async function resolveRevision(
  cache: ObjectCache,
  istioNamespace: string,
  asked: string,
  fresh: boolean,
): Promise<Resolved | Unresolved> {
  const tags = await tagFacts(cache, istioNamespace, asked, fresh);
  const tagged = taggedRevision(asked, tags);
  if (tagged !== null && typeof tagged !== 'string') return tagged;
  const found = await findIstiod(cache, istioNamespace, tagged ?? asked, fresh);
  if (found !== null) return found;
  if (tagged !== null) {
    const reason = `the tag ${asked} names revision "${tagged}", and no istiod in ${istioNamespace} has that name`;
    return { answer: 'missing', reason };
  }
  if (asked === 'default') {
    const validated = await validatorRevision(cache, fresh);
    const other = validated === null ? null : await findIstiod(cache, istioNamespace, validated, fresh);
    if (other !== null) return other;
  }
  return unresolved(asked, istioNamespace, { webhooksKnown: tags.webhooks !== null });
}

/** Whether istiod of a revision (not of a tag) is there. */
export async function isRevisionThere(
  cache: ObjectCache,
  istioNamespace: string,
  revision: string,
  fresh: boolean,
): Promise<boolean> {
  return (await findIstiod(cache, istioNamespace, revision, fresh)) !== null;
}

async function tagFacts(cache: ObjectCache, istioNamespace: string, name: string, fresh: boolean) {
  const selector = `istio.io/tag=${name}`;
  const services = (await cache.listMetadata(resources.services(istioNamespace), selector, fresh)) ?? [];
  const revisionOf = ({ metadata }: { metadata: { labels: Record<string, string> } }) =>
    metadata.labels['istio.io/rev'];
  const named = (revision: string | undefined) => revision !== undefined;
  const webhooks = await withoutRight(cache.list(resources.mutatingWebhooks(), MutatingWebhook, selector, fresh));
  // Two meshes in one cluster may use the same tag: a webhook that calls an istiod elsewhere is not ours.
  const ours = webhooks?.filter((webhook) => calls(webhook, istioNamespace));
  return {
    services: services.map(revisionOf).filter(named),
    webhooks: ours?.map(revisionOf).filter(named) ?? null,
  };
}

function calls({ webhooks }: MutatingWebhook, istioNamespace: string): boolean {
  return webhooks.every(({ clientConfig }) => (clientConfig.service?.namespace ?? istioNamespace) === istioNamespace);
}

async function findIstiod(
  cache: ObjectCache,
  istioNamespace: string,
  revision: string,
  fresh: boolean,
): Promise<Resolved | null> {
  const foreign = serviceMeshManagerPlace(revision);
  if (foreign !== null) {
    const istiods = await istiodsIn(cache, foreign.namespace, fresh);
    const labelled = istiods.find(({ metadata }) => metadata.labels['istio.io/rev'] === revision);
    const istiod = labelled ?? istiods.find(({ metadata }) => metadata.name === `istiod-${foreign.suffix}`);
    const managedBy = 'service-mesh-manager';
    if (istiod) return { answer: 'resolved', revision, place: foreign, deployment: istiod.metadata.name, managedBy };
  }
  const istiods = await istiodsIn(cache, istioNamespace, fresh);
  const istiod = istiods.find(({ metadata }) => metadata.labels['istio.io/rev'] === revision);
  if (istiod === undefined) return null;
  const place = plainPlace(istioNamespace, revision);
  return { answer: 'resolved', revision, place, deployment: istiod.metadata.name, managedBy: 'istio' };
}

async function istiodsIn(cache: ObjectCache, namespace: string, fresh: boolean) {
  return (await cache.listMetadata(resources.deployments(namespace), 'app=istiod', fresh)) ?? [];
}

async function validatorRevision(cache: ObjectCache, fresh: boolean): Promise<string | null> {
  const validator = resources.validatingWebhook('istiod-default-validator');
  return (await cache.knownMetadata(validator, fresh))?.metadata.labels['istio.io/rev'] ?? null;
}

/**
 * Null if the right is missing: some names are resolved without
 * it, and for the others `unresolved` says that it is missing.
 */
async function withoutRight<T>(request: Promise<T>): Promise<T | null> {
  try {
    return await request;
  } catch (error) {
    if (isFailure(error, 'forbidden') && error.status === 403) return null;
    throw error;
  }
}
