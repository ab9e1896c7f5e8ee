/**
 * Reports on the machine's WorkloadEntry. The report is compared with the entry on the server, never with what was
 * written before: istiod deletes the entry and makes it again whenever the proxy restarts, and then everything has to
 * be written again.
 */
import { type Clock, systemClock } from '../../host/clock.ts';
import type { KubernetesClient } from '../kubernetes/client.ts';
import { ControlPlaneError, isFailure } from '../kubernetes/failure.ts';
import type { IstioApi } from '../kubernetes/istio-api.ts';
import { resources } from '../kubernetes/objects.ts';
import { Backoff } from './backoff.ts';
import { entryPatch, lacksOnlyMessages } from './entry-patch.ts';
import { type EntryReport, WorkloadEntry } from './entry-report.ts';
import { autoRegisteredName, type EntryIdentity, findEntry } from './find-entry.ts';
import { PutBackBudget } from './put-back-budget.ts';

export interface ReporterOptions {
  group: { namespace: string; name: string };
  clock?: Clock;
  /** From 0 (included) to 1 (excluded): jitter between tries. */
  random?: () => number;
}

export type PublishResult =
  /** The entry had the report already, or has it now. */
  | { outcome: 'unchanged' | 'written'; entry: string }
  /** There is no entry now: the proxy is not connected, or an entry was never made. */
  | { outcome: 'no-entry'; reason: string }
  /** Several entries may be this machine's: nothing is written. */
  | { outcome: 'ambiguous'; reason: string }
  /** Other clients write without a pause: the next turn tries again. */
  | { outcome: 'conflict'; reason: string }
  /**
   * Another writer removes the agent's messages each time: they are written again later, so that the two do not fight.
   */
  | { outcome: 'held-back'; reason: string }
  /** Forbidden, unreachable, throttled, ... */
  | { outcome: 'failed'; error: ControlPlaneError };

const MAX_TRIES = 10;
/**
 * The search for an entry made by hand reads all entries of the namespace: only one in so many publications does it.
 */
export const PUBLICATIONS_PER_SEARCH = 10;

export class WorkloadEntryReporter {
  readonly #client: KubernetesClient;
  readonly #istio: IstioApi;
  readonly #group: ReporterOptions['group'];
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #putBack = new PutBackBudget();
  /** The entry as last read; only its resourceVersion says whether it still holds. */
  #known: WorkloadEntry | null = null;
  /** Name of an entry that was made by hand. */
  #byHand: string | null = null;
  #sinceSearch = PUBLICATIONS_PER_SEARCH;
  #wroteMessages = false;

  constructor(client: KubernetesClient, istio: IstioApi, options: ReporterOptions) {
    this.#client = client;
    this.#istio = istio;
    this.#group = options.group;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
  }

  /** Makes the next publication search for the entry again: after SIGHUP, or once Istio was restarted. */
  refresh(): void {
    this.#known = null;
    this.#byHand = null;
    this.#sinceSearch = PUBLICATIONS_PER_SEARCH;
  }

  /**
   * Brings `report` into the entry; writes only on a change. Failures
   * of the control plane are a result; rejects only with other errors.
   */
  async publish(report: EntryReport, identity: EntryIdentity): Promise<PublishResult> {
    try {
      const found = await this.#find(identity);
      return typeof found === 'string' ? await this.#write(found, report) : found;
    } catch (error) {
      if (error instanceof ControlPlaneError) return { outcome: 'failed', error };
      throw error;
    }
  }

  /** The entry's name, with the entry in `#known`. */
  async #find(identity: EntryIdentity): Promise<string | PublishResult> {
    const [address] = identity.addresses;
    const automatic = address && autoRegisteredName(this.#group.name, address, identity.network);
    for (const name of [automatic, this.#byHand]) {
      if (name && (await this.#read(name))) return name;
    }
    const { namespace } = this.#group;
    const reason = `no WorkloadEntry of this machine is in namespace ${namespace}${automatic ? ` (${automatic})` : ''}`;
    this.#byHand = null;
    this.#sinceSearch += 1;
    if (this.#sinceSearch < PUBLICATIONS_PER_SEARCH) return { outcome: 'no-entry', reason };
    this.#sinceSearch = 0;
    const all = resources.workloadEntries(await this.#istio.version(), namespace);
    const found = findEntry(await this.#client.list(all, WorkloadEntry), this.#group.name, identity);
    switch (found.answer) {
      case 'none':
        return { outcome: 'no-entry', reason };
      case 'ambiguous':
        return {
          outcome: 'ambiguous',
          reason: `several WorkloadEntries may be this machine's: ${found.names.join(', ')}`,
        };
      case 'found':
        this.#byHand = found.name;
        return (await this.#read(found.name)) ? found.name : { outcome: 'no-entry', reason };
    }
  }

  /** Brings `#known` up to date; false when there is no such entry. */
  async #read(name: string): Promise<boolean> {
    const entry = resources.workloadEntry(await this.#istio.version(), this.#group.namespace, name);
    try {
      if (this.#known?.metadata.name === name) {
        const current = await this.#client.resourceVersion(entry);
        if (current === this.#known.metadata.resourceVersion) return true;
      }
      this.#known = await this.#client.get(entry, WorkloadEntry);
      return true;
    } catch (error) {
      if (!isFailure(error, 'missing')) throw error;
      if (this.#known?.metadata.name === name) this.#known = null;
      return false;
    }
  }

  async #write(name: string, report: EntryReport): Promise<PublishResult> {
    const clock = this.#clock;
    const backoff = new Backoff({ baseMs: 25, capMs: 1_000, clock, random: this.#random });
    const status = {
      ...resources.workloadEntry(await this.#istio.version(), this.#group.namespace, name),
      subresource: 'status',
    };
    let allowed = false;
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      if (tries > 0) await backoff.wait();
      if (tries > 0 && !(await this.#read(name))) return this.#gone(name);
      const entry = this.#known;
      if (entry === null) return this.#gone(name);
      const operations = entryPatch(entry, report, clock.now());
      if (operations.length === 0) return { outcome: 'unchanged', entry: name };
      const taken = this.#wroteMessages && lacksOnlyMessages(entry, report);
      allowed ||= !taken || this.#putBack.allows(clock.bootTimeMs());
      if (!allowed) return heldBack(name);
      try {
        await this.#client.patch(status, operations);
        // The entry as the server stored it is read at the next publication: the answer here is only a version.
        this.#known = null;
        this.#wroteMessages = report.messages.length > 0;
        return { outcome: 'written', entry: name };
      } catch (error) {
        if (isFailure(error, 'missing')) return this.#gone(name);
        if (!isFailure(error, 'conflict', 'rejected')) throw error;
        const before = entry.metadata.resourceVersion;
        // A failed `test` is 422. So is a patch that the server
        // never accepts: then the entry did not change in between.
        if (error.kind === 'rejected' && (await this.#read(name)) && this.#known?.metadata.resourceVersion === before)
          throw error;
      }
    }
    return { outcome: 'conflict', reason: `WorkloadEntry ${name} was written by others at each of ${MAX_TRIES} tries` };
  }

  #gone(name: string): PublishResult {
    this.#known = null;
    return { outcome: 'no-entry', reason: `WorkloadEntry ${name} was deleted just now` };
  }
}

function heldBack(name: string): PublishResult {
  const reason =
    `another writer removes the validation messages of WorkloadEntry ${name} each time ` +
    '(istiod does with PILOT_ENABLE_ANALYSIS): the agent writes them again later; its conditions stay';
  return { outcome: 'held-back', reason };
}
