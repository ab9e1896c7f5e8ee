/** The machine's Lease: a heartbeat, and the versions in annotations, so that `kubectl get leases` reads a fleet. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { type Clock, systemClock } from '../host/clock.ts';
import type { JsonPatchOperation, KubernetesClient } from './client.ts';
import { ControlPlaneError, isFailure } from './failure.ts';
import { GROUP_LABEL } from './find-entry.ts';
import { Metadata, resources } from './objects.ts';

/** What the annotations say. null where it is not known or does not apply. */
export interface Versions {
  agent: string;
  istioRunning: string | null;
  istioStaged: string | null;
  istioWanted: string | null;
  restartPending: 'yes' | 'no' | 'unknown';
}

export interface LeaseOptions {
  group: { namespace: string; name: string };
  /** The machine's host name, whatever it looks like. */
  host: string;
  /** Content of /etc/machine-id. Only a hash of it leaves the machine, as machine-id(5) asks. */
  machineId: string;
  /** The machine's address: clones share name and machine id, but not this. */
  address: string | null;
  clock?: Clock;
}

export type HeartbeatResult =
  | { outcome: 'renewed' | 'created' | 'taken-over' | 'not-due' }
  /** Another machine of the same name and machine id holds it: a clone. Nothing was written. */
  | { outcome: 'held-by-other'; holder: string; name: string }
  | { outcome: 'failed'; error: ControlPlaneError };

const HEARTBEAT_MS = 60_000;
/** A poll every minute, late by its jitter, may miss some beats before the machine counts as silent. */
const DURATION_S = 300;
const PREFIX = 'smm-agent.io/';

const Lease = z.object({
  metadata: Metadata,
  spec: z
    .object({
      holderIdentity: z.string().default(''),
      renewTime: z.string().default(''),
      leaseDurationSeconds: z.number().default(DURATION_S),
      leaseTransitions: z.number().default(0),
    })
    .prefault({}),
});
type Lease = z.infer<typeof Lease>;

/** `smm-agent-<host>-<8 hex>`: a DNS-1123 label from any host name. */
export function leaseName(host: string, machineId: string): string {
  const safe = host
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 44)
    .replace(/^-+|-+$/g, '');
  return ['smm-agent', safe || 'host', hash(machineId).slice(0, 8)].join('-');
}

export class HeartbeatLease {
  readonly #client: KubernetesClient;
  readonly #options: LeaseOptions;
  readonly #clock: Clock;
  #lastMs: number | null = null;
  /** Another holder, and since when its renewTime has not moved, by this machine's own clock: wall clocks differ. */
  #other: { renewTime: string; sinceMs: number } | null = null;

  constructor(client: KubernetesClient, options: LeaseOptions) {
    this.#client = client;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  get name(): string {
    return leaseName(this.#options.host, this.#options.machineId);
  }

  /** Renews the Lease, at most once a minute. Rejects only for what is not the control plane's doing. */
  async heartbeat(versions: Versions): Promise<HeartbeatResult> {
    const nowMs = this.#clock.bootTimeMs();
    if (this.#lastMs !== null && nowMs - this.#lastMs < HEARTBEAT_MS) return { outcome: 'not-due' };
    this.#lastMs = nowMs;
    try {
      return (await this.#renew(versions)) ?? (await this.#acquire(versions, nowMs));
    } catch (error) {
      if (error instanceof ControlPlaneError) return { outcome: 'failed', error };
      throw error;
    }
  }

  /** The usual beat, one request. Null when the Lease is not as this agent left it: then it is looked at. */
  async #renew(versions: Versions): Promise<HeartbeatResult | null> {
    const operations: JsonPatchOperation[] = [
      { op: 'test', path: '/spec/holderIdentity', value: this.#holder() },
      { op: 'replace', path: '/spec/renewTime', value: microTime(this.#clock.now()) },
    ];
    for (const [key, value] of Object.entries(annotations(versions))) {
      operations.push({ op: 'add', path: `/metadata/annotations/${key.replace('/', '~1')}`, value });
    }
    try {
      await this.#client.patch(this.#resource(), operations);
    } catch (error) {
      if (isFailure(error, 'missing', 'rejected', 'conflict')) return null;
      throw error;
    }
    this.#other = null;
    return { outcome: 'renewed' };
  }

  async #acquire(versions: Versions, nowMs: number): Promise<HeartbeatResult> {
    let lease: Lease;
    try {
      lease = await this.#client.get(this.#resource(), Lease);
    } catch (error) {
      if (!isFailure(error, 'missing')) throw error;
      await this.#client.create(resources.leases(this.#options.group.namespace), this.#body(versions), Lease);
      return { outcome: 'created' };
    }
    const { holderIdentity: holder, renewTime, leaseDurationSeconds } = lease.spec;
    const foreign = holder !== '' && holder !== this.#holder();
    if (foreign) {
      if (this.#other?.renewTime !== renewTime) this.#other = { renewTime, sinceMs: nowMs };
      const silentMs = nowMs - this.#other.sinceMs;
      if (silentMs < leaseDurationSeconds * 1000) return { outcome: 'held-by-other', holder, name: this.name };
    }
    await this.#client.patch(this.#resource(), this.#takeOver(lease, versions));
    this.#other = null;
    return { outcome: foreign ? 'taken-over' : 'renewed' };
  }

  /** Makes a Lease this machine's that was let go, was another's, or lost its annotations; guarded by its resourceVersion. */
  #takeOver({ metadata, spec }: Lease, versions: Versions): JsonPatchOperation[] {
    const wanted = this.#body(versions);
    const leaseTransitions = spec.leaseTransitions + (spec.holderIdentity === this.#holder() ? 0 : 1);
    return [
      { op: 'test', path: '/metadata/resourceVersion', value: metadata.resourceVersion },
      { op: 'add', path: '/metadata/labels', value: { ...metadata.labels, ...wanted.metadata.labels } },
      { op: 'add', path: '/metadata/annotations', value: { ...metadata.annotations, ...wanted.metadata.annotations } },
      { op: 'add', path: '/spec', value: { ...wanted.spec, leaseTransitions } },
    ];
  }

  #body(versions: Versions) {
    const { group } = this.#options;
    const renewTime = microTime(this.#clock.now());
    return {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: {
        name: this.name,
        namespace: group.namespace,
        labels: { [GROUP_LABEL]: group.name },
        annotations: annotations(versions),
      },
      spec: {
        holderIdentity: this.#holder(),
        leaseDurationSeconds: DURATION_S,
        leaseTransitions: 0,
        acquireTime: renewTime,
        renewTime,
      },
    };
  }

  #holder(): string {
    const { machineId, address } = this.#options;
    return address === null ? hash(machineId) : `${hash(machineId)}@${address}`;
  }

  #resource() {
    return resources.lease(this.#options.group.namespace, this.name);
  }
}

function annotations(versions: Versions): Record<string, string> {
  return {
    [`${PREFIX}agent-version`]: versions.agent,
    [`${PREFIX}istio-running`]: versions.istioRunning ?? '',
    [`${PREFIX}istio-staged`]: versions.istioStaged ?? '',
    [`${PREFIX}istio-wanted`]: versions.istioWanted ?? '',
    [`${PREFIX}restart-pending`]: versions.restartPending,
  };
}

function hash(machineId: string): string {
  return createHash('sha256').update(machineId.trim()).digest('hex');
}

/** Kubernetes' MicroTime: six digits after the point. */
function microTime(date: Date): string {
  return date.toISOString().replace('Z', '000Z');
}
