/** The machine's Lease: a heartbeat, and the versions in annotations, so that `kubectl get leases` reads a fleet. */
import { type Clock, systemClock } from '../host/clock.ts';
import type { KubernetesClient } from './client.ts';
import { ControlPlaneError, isFailure } from './failure.ts';
import {
  type Holder,
  holderIdentity,
  Lease,
  leaseName,
  newLease,
  renewal,
  takeOver,
  type Versions,
} from './lease-object.ts';
import { resources } from './objects.ts';

export interface LeaseOptions extends Holder {
  clock?: Clock;
}

export type HeartbeatResult =
  | { outcome: 'renewed' | 'created' | 'taken-over' | 'not-due' }
  /** Another machine of the same name and machine id holds it: a clone. Nothing was written. */
  | { outcome: 'held-by-other'; holder: string; name: string }
  | { outcome: 'failed'; error: ControlPlaneError };

const HEARTBEAT_MS = 60_000;

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
    try {
      await this.#client.patch(this.#resource(), renewal(this.#options, versions, this.#clock.now()));
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
      const made = newLease(this.#options, versions, this.#clock.now());
      await this.#client.create(resources.leases(this.#options.group.namespace), made, Lease);
      return { outcome: 'created' };
    }
    const { holderIdentity: holder, renewTime, leaseDurationSeconds } = lease.spec;
    const foreign = holder !== '' && holder !== holderIdentity(this.#options);
    if (foreign) {
      if (this.#other?.renewTime !== renewTime) this.#other = { renewTime, sinceMs: nowMs };
      const silentMs = nowMs - this.#other.sinceMs;
      if (silentMs < leaseDurationSeconds * 1000) return { outcome: 'held-by-other', holder, name: this.name };
    }
    await this.#client.patch(this.#resource(), takeOver(lease, this.#options, versions, this.#clock.now()));
    this.#other = null;
    return { outcome: foreign ? 'taken-over' : 'renewed' };
  }

  #resource() {
    return resources.lease(this.#options.group.namespace, this.name);
  }
}
