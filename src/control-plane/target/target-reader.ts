/** Reads the target. Every failure of the control plane becomes an answer: it is never a rejection. */

import { ObjectCache } from '../kubernetes/cache.ts';
import type { KubernetesClient } from '../kubernetes/client.ts';
import { ControlPlaneError } from '../kubernetes/failure.ts';
import type { IstioApi } from '../kubernetes/istio-api.ts';
import { ConfigMap, Deployment, resources, WithVersion } from '../kubernetes/objects.ts';
import { type AgentPolicy, policyNames, policyOf } from './agent-policy.ts';
import { type Machine, readInputs } from './inputs.ts';
import { isRevisionThere, type Resolved, resolveRevision } from './resolve.ts';
import { askedBy } from './revision.ts';
import type { Target } from './target.ts';
import { injectorTagOf, releaseOf, versionOf } from './version.ts';

export interface TargetOptions extends Machine {
  istioNamespace: string;
}

/** One in so many polls reads everything. The others read only the Namespace and istiod's Deployment. */
export const POLLS_PER_FULL_LOOK = 10;

export class TargetReader {
  readonly #options: TargetOptions;
  readonly #cache: ObjectCache;
  readonly #istio: IstioApi;
  #pollsSinceFullLook = 0;
  /** The last answer, with the state of the cache that it was made from; null until everything was looked at. */
  #last: { target: Target; generation: number } | null = null;
  /**
   * Where the agent's own ConfigMaps are: with the last revision
   * that could be resolved, also if the rest of that look failed.
   */
  #place: Resolved['place'] | null = null;
  #wasFullLook = false;

  constructor(client: KubernetesClient, istio: IstioApi, options: TargetOptions) {
    this.#cache = new ObjectCache(client);
    this.#istio = istio;
    this.#options = options;
  }

  /** The next `target` looks at every object, as after SIGHUP or for `smm-agent reconcile`. */
  refresh(): void {
    this.#last = null;
    this.#istio.forget();
  }

  /**
   * Whether a revision's istiod is in the cluster, read with every full look; null when the control plane does not
   * tell. Failures of the control plane never make it reject.
   */
  async hasRevision(revision: string): Promise<boolean | null> {
    try {
      return await isRevisionThere(this.#cache, this.#options.istioNamespace, revision, !this.#isCurrent());
    } catch (error) {
      if (error instanceof ControlPlaneError) return null;
      throw error;
    }
  }

  /** What is wanted now. While nothing has changed the same object is returned again. */
  async target(): Promise<Target> {
    this.#pollsSinceFullLook += 1;
    // After an answer other than "wanted" each look is a full one: an administrator is about to change something.
    const full = !this.#isCurrent() || this.#pollsSinceFullLook >= POLLS_PER_FULL_LOOK;
    this.#wasFullLook = full;
    try {
      const target = await this.#look(full);
      const changed = this.#last?.generation !== this.#cache.generation || this.#last.target.answer !== target.answer;
      if (changed) this.#last = { target, generation: this.#cache.generation };
      if (full) this.#completed();
      return this.#last?.target ?? target;
    } catch (error) {
      if (error instanceof ControlPlaneError) return answerOf(error);
      throw error;
    }
  }

  /**
   * What is wanted of the agents themselves, read with every full look; to
   * call after `target`. Failures of the control plane never make it reject.
   */
  async agentPolicy(): Promise<AgentPolicy> {
    const place = this.#place;
    if (place === null) return { answer: 'unknown', reason: 'not known while the control plane gives no target' };
    const before = this.#cache.generation;
    try {
      const found = [];
      for (const name of policyNames(place.suffix)) {
        const object = await this.#cache.object(
          resources.configMap(place.namespace, name),
          ConfigMap,
          this.#wasFullLook,
        );
        found.push({ name, data: object?.data ?? null });
      }
      return policyOf(found);
    } catch (error) {
      if (!(error instanceof ControlPlaneError)) throw error;
      const forbidden = error.kind === 'forbidden' && error.status === 403 ? ({ isForbidden: true } as const) : {};
      return { answer: 'unknown', reason: `${error.message}; ${error.remedy}`, ...forbidden };
    } finally {
      // A change here is no change of the target, and no reason for another full look.
      if (this.#last?.generation === before) this.#last.generation = this.#cache.generation;
    }
  }

  /** Also false after a look that failed half-way: the changes that it noticed have not been followed yet. */
  #isCurrent(): boolean {
    return this.#last?.target.answer === 'wanted' && this.#last.generation === this.#cache.generation;
  }

  #completed(): void {
    this.#cache.sweep();
    this.#pollsSinceFullLook = 0;
  }

  async #look(full: boolean): Promise<Target> {
    const { group, istioNamespace } = this.#options;
    const before = this.#cache.generation;
    // After the first change, everything that follows is read afresh.
    const fresh = () => full || this.#cache.generation !== before;
    const namespace = await this.#cache.metadata(resources.namespace(group.namespace));
    if (namespace === null) return { answer: 'missing', reason: `namespace ${group.namespace} does not exist` };
    const asked = askedBy(group.namespace, namespace.metadata.labels);
    if (asked.answer !== 'asked') return asked;
    const resolved = await resolveRevision(this.#cache, istioNamespace, asked.revision, fresh());
    if (resolved.answer !== 'resolved') return resolved;
    this.#place = resolved.place;
    const istiod = resources.deployment(resolved.place.namespace, resolved.deployment);
    const deployment = await this.#cache.object(istiod, Deployment, true);
    if (deployment === null || !isStillThat(deployment, resolved)) {
      return { answer: 'unsettled', reason: `istiod of revision ${resolved.revision} has just been replaced` };
    }
    const api = await this.#istio.version();
    const inputs = await readInputs(this.#cache, resolved, asked.revision, api, this.#options, fresh());
    if ('answer' in inputs) {
      // A group that is not found may lie in another version of the API since the CRDs were upgraded.
      this.#istio.forget();
      return inputs;
    }
    const injectorTag = injectorTagOf(inputs.injectorValues ?? null);
    const version = versionOf({
      deployment,
      injectorTag,
      ...(await this.#operators(resolved, deployment, injectorTag, fresh())),
    });
    if (version.answer !== 'settled') return version;
    const revision = { asked: asked.revision, name: resolved.revision };
    return { answer: 'wanted', revision, istioVersion: version.version, inputs };
  }

  /**
   * The versions that Service Mesh Manager or Sail name, which
   * manage Istio in some meshes; their CRDs are absent in most.
   */
  async #operators(resolved: Resolved, deployment: Deployment, injectorTag: string | null, fresh: boolean) {
    if (resolved.managedBy === 'service-mesh-manager') {
      const { namespace, suffix } = resolved.place;
      const planes = await this.#cache.list(resources.istioControlPlanes(namespace), WithVersion, '', fresh);
      const plane = planes?.find(({ metadata }) => metadata.name.replaceAll('.', '-') === suffix);
      return { controlPlaneVersion: plane?.spec.version ?? null, sailVersion: null };
    }
    const known = versionOf({ deployment, injectorTag, controlPlaneVersion: null, sailVersion: null });
    if (known.answer !== 'missing') return { controlPlaneVersion: null, sailVersion: null };
    const revision = await this.#cache.object(resources.istioRevision(resolved.revision), WithVersion, fresh);
    return { controlPlaneVersion: null, sailVersion: releaseOf(revision?.spec.version ?? null) };
  }
}

function isStillThat({ metadata }: Deployment, { revision, managedBy }: Resolved): boolean {
  return managedBy === 'service-mesh-manager' || metadata.labels['istio.io/rev'] === revision;
}

function answerOf(error: ControlPlaneError): Target {
  const reason = `${error.message}; ${error.remedy}`;
  switch (error.kind) {
    case 'forbidden':
      return { answer: 'forbidden', reason };
    case 'missing':
      return { answer: 'missing', reason };
    case 'conflict':
    case 'rejected':
    case 'throttled':
    case 'credentials':
    case 'unreachable':
    case 'invalid':
      return { answer: 'unreachable', reason };
  }
}
