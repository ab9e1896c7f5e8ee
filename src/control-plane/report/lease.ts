/** The machine's Lease: a heartbeat, and the versions in annotations, so that `kubectl get leases` reads a fleet. */
import { isDeepStrictEqual } from 'node:util';
import { type Clock, systemClock } from '../../host/clock.ts';
import type { KubernetesClient } from '../kubernetes/client.ts';
import { ControlPlaneError, isFailure } from '../kubernetes/failure.ts';
import { resources } from '../kubernetes/objects.ts';
import {
  type Holder,
  holderIdentity,
  isOneself,
  Lease,
  leaseName,
  newLease,
  renewal,
  takeOver,
  type Versions,
} from './lease-object.ts';

/**
 * The identity under which this machine held its Lease last, in this boot. By it, a process that starts again with
 * another address can tell itself from a clone. Must not survive a reboot: it would be on the clone's disk too.
 */
export interface HolderNote {
  read(): Promise<string | null>;
  write(identity: string): Promise<void>;
}

export interface LeaseOptions extends Holder {
  clock?: Clock;
  note?: HolderNote;
}

export type HeartbeatResult =
  | { outcome: 'renewed' | 'created' | 'taken-over' | 'not-due' }
  /**
   * A machine with the same name and machine id and another address holds the Lease; nothing was written. `isAlive`:
   * the holder has renewed it meanwhile, so it is a clone; otherwise it may be this machine before its address changed.
   */
  | { outcome: 'held-by-other'; holder: string; name: string; isAlive: boolean }
  | { outcome: 'failed'; error: ControlPlaneError };

const HEARTBEAT_MS = 60_000;

export class HeartbeatLease {
  readonly #client: KubernetesClient;
  readonly #options: LeaseOptions;
  readonly #clock: Clock;
  /** The time of the last try, and what it said; if the server could not be reached, what was said before. */
  #last: { atMs: number; said: unknown } | null = null;
  /** The identity under which this process held it last, or the one of the note. */
  #before: string | null = null;
  /** Another holder, and since when its renewTime has not moved, by this machine's own clock: wall clocks differ. */
  #other: { holder: string; renewTime: string; sinceMs: number; isAlive: boolean } | null = null;

  constructor(client: KubernetesClient, options: LeaseOptions) {
    this.#client = client;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  get name(): string {
    return leaseName(this.#options.host, this.#options.machineId);
  }

  /**
   * Renews the Lease once a minute, and at once when its content changes. A change is sent again until the control
   * plane was reached: each stop of Istio cuts connections. `addresses` are the machine's, its address in the mesh
   * first. Failures of the control plane are a result; rejects only with other errors.
   */
  async heartbeat(versions: Versions, addresses: readonly string[]): Promise<HeartbeatResult> {
    const nowMs = this.#clock.bootTimeMs();
    const identity = holderIdentity(this.#options, addresses[0] ?? null);
    const said = { identity, versions };
    const isDue = this.#last === null || nowMs - this.#last.atMs >= HEARTBEAT_MS;
    if (!isDue && isDeepStrictEqual(said, this.#last?.said)) return { outcome: 'not-due' };
    const before = this.#last?.said;
    this.#last = { atMs: nowMs, said };
    try {
      const result =
        (await this.#renew(versions, identity)) ?? (await this.#acquire(versions, identity, addresses, nowMs));
      if (result.outcome !== 'held-by-other') await this.#noteHolder(identity);
      return result;
    } catch (error) {
      if (!(error instanceof ControlPlaneError)) throw error;
      if (isFailure(error, 'unreachable')) this.#last = { atMs: nowMs, said: before };
      return { outcome: 'failed', error };
    }
  }

  /** The usual beat, one request. Null when the Lease is not as this agent left it: then the caller reads it. */
  async #renew(versions: Versions, identity: string): Promise<HeartbeatResult | null> {
    try {
      await this.#client.patch(this.#resource(), renewal(identity, versions, this.#clock.now()));
    } catch (error) {
      if (isFailure(error, 'missing', 'rejected', 'conflict')) return null;
      throw error;
    }
    return { outcome: 'renewed' };
  }

  async #acquire(
    versions: Versions,
    identity: string,
    addresses: readonly string[],
    nowMs: number,
  ): Promise<HeartbeatResult> {
    let lease: Lease;
    try {
      lease = await this.#client.get(this.#resource(), Lease);
    } catch (error) {
      if (!isFailure(error, 'missing')) throw error;
      const made = newLease(this.#options, identity, versions, this.#clock.now());
      await this.#client.create(resources.leases(this.#options.group.namespace), made, Lease);
      return { outcome: 'created' };
    }
    const holder = lease.spec.holderIdentity;
    const isAnother = holder !== '' && holder !== identity;
    if (isAnother && !(await this.#isOwn(holder, addresses))) {
      const other = this.#look(lease, nowMs);
      if (nowMs - other.sinceMs < lease.spec.leaseDurationSeconds * 1000) {
        return { outcome: 'held-by-other', holder, name: this.name, isAlive: other.isAlive };
      }
    }
    await this.#client.patch(this.#resource(), takeOver(lease, this.#options, identity, versions, this.#clock.now()));
    return { outcome: isAnother ? 'taken-over' : 'renewed' };
  }

  async #isOwn(holder: string, addresses: readonly string[]): Promise<boolean> {
    if (isOneself(holder, this.#options, addresses)) return true;
    this.#before ??= (await this.#options.note?.read()) ?? null;
    return holder === this.#before;
  }

  /** Whether the other holder has renewed the Lease since it was seen first, and when it did so last. */
  #look({ spec: { holderIdentity: holder, renewTime } }: Lease, nowMs: number) {
    const before = this.#other?.holder === holder ? this.#other : null;
    if (before === null || before.renewTime !== renewTime) {
      this.#other = { holder, renewTime, sinceMs: nowMs, isAlive: before !== null };
    }
    return this.#other ?? { sinceMs: nowMs, isAlive: false };
  }

  async #noteHolder(identity: string): Promise<void> {
    this.#other = null;
    if (this.#before === identity) return;
    this.#before = identity;
    await this.#options.note?.write(identity);
  }

  #resource() {
    return resources.lease(this.#options.group.namespace, this.name);
  }
}
