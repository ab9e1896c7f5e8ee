/** Which WorkloadEntry is this machine's. Decisions only: nothing here asks the API server. */
import type { WorkloadEntry } from './entry-report.ts';

/** How an entry is recognised as this machine's. */
export interface EntryIdentity {
  /** The machine's addresses, its address in the mesh first. */
  addresses: readonly string[];
  /** Its network, null or empty if the mesh has only one. */
  network: string | null;
  /** `spec.metadata.labels` of its WorkloadGroup: they tell an entry made by hand from one of another group. */
  groupLabels: Readonly<Record<string, string>>;
}

/** Ties an entry that was made by hand to its group. The admission policy in packaging/kubernetes names it too. */
export const GROUP_LABEL = 'smm-agent.io/workload-group';
const AUTO_REGISTERED = 'istio.io/autoRegistrationGroup';
const MAX_NAME = 253;

/**
 * The name under which istiod registers a machine by itself: `<group>-<ip>[-<network>]`, the last 253 characters of it.
 */
export function autoRegisteredName(group: string, address: string, network: string | null): string {
  const parts = [group, address.replaceAll(':', '-')];
  if (network) parts.push(network);
  return parts.join('-').slice(-MAX_NAME);
}

/** The group that an entry names; null for an entry made by hand without such a mark. */
function groupOf({ metadata }: WorkloadEntry): string | null {
  return metadata.annotations[AUTO_REGISTERED] ?? metadata.labels[GROUP_LABEL] ?? null;
}

export type Found = { answer: 'found'; name: string } | { answer: 'none' } | { answer: 'ambiguous'; names: string[] };

/**
 * This machine's entry among all of the namespace: by address and
 * group. An entry that names its group wins over one that does not.
 */
export function findEntry(entries: readonly WorkloadEntry[], group: string, identity: EntryIdentity): Found {
  const here = entries.filter((entry) => isHere(entry, identity));
  const marked = here.filter((entry) => groupOf(entry) === group);
  const candidates = marked.length > 0 ? marked : here.filter((entry) => looksLike(entry, identity));
  const names = candidates.map(({ metadata }) => metadata.name).sort();
  if (names.length > 1) return { answer: 'ambiguous', names };
  return names[0] === undefined ? { answer: 'none' } : { answer: 'found', name: names[0] };
}

function isHere({ spec }: WorkloadEntry, { addresses, network }: EntryIdentity): boolean {
  const otherNetwork = spec.network !== '' && network && spec.network !== network;
  return spec.address !== '' && addresses.some((address) => sameAddress(address, spec.address)) && !otherNetwork;
}

/** Without any mark, an entry is the group's when it carries all of the group's labels, of which there must be one. */
function looksLike(entry: WorkloadEntry, { groupLabels }: EntryIdentity): boolean {
  const wanted = Object.entries(groupLabels);
  const labels = { ...entry.metadata.labels, ...entry.spec.labels };
  return groupOf(entry) === null && wanted.length > 0 && wanted.every(([key, value]) => labels[key] === value);
}

/** IPv6 addresses have several spellings; a URL has only one. */
function sameAddress(a: string, b: string): boolean {
  return a === b || canonical(a) === canonical(b);
}

function canonical(address: string): string {
  if (!address.includes(':')) return address;
  return URL.parse(`http://[${address}]/`)?.hostname ?? address;
}
