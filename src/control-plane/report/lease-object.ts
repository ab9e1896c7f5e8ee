/** The content of the machine's Lease, and the patches that write it. Pure. */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { JsonPatchOperation } from '../kubernetes/client.ts';
import { Metadata } from '../kubernetes/objects.ts';
import { GROUP_LABEL } from './find-entry.ts';
import { annotationValue } from './report-limits.ts';

/** The values of the annotations. null for a value that is unknown or does not apply. */
export interface Versions {
  agent: string;
  agentWanted: string | null;
  /** What keeps the agent, or Istio as well, on its version: this machine's own `hold`, or a ConfigMap's. */
  heldBy: string | null;
  istioRunning: string | null;
  istioStaged: string | null;
  istioWanted: string | null;
  restartPending: 'yes' | 'no' | 'unknown';
}

/** The machine that the Lease is for. */
export interface Holder {
  group: { namespace: string; name: string };
  /** The machine's host name, in any form. */
  host: string;
  /** Content of /etc/machine-id. Only a hash of it leaves the machine, as machine-id(5) asks. */
  machineId: string;
}

/**
 * There is a beat every minute, late by the jitter of the poll:
 * the machine counts as silent only after several missed beats.
 */
const DURATION_S = 300;
const PREFIX = 'smm-agent.io/';

export const Lease = z.object({
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
export type Lease = z.infer<typeof Lease>;

/** `smm-agent-<host>-<8 hex>`: a DNS-1123 label from any host name. */
export function leaseName(host: string, machineId: string): string {
  const safe = host
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 44)
    .replace(/^-+|-+$/g, '');
  return ['smm-agent', safe || 'host', hash(machineId).slice(0, 8)].join('-');
}

/**
 * `spec.holderIdentity`: the machine, and its address in the mesh, since clones
 * share name and machine id but not the address. `address` is null if there is none.
 */
export function holderIdentity({ machineId }: Holder, address: string | null): string {
  return address === null ? hash(machineId) : `${hash(machineId)}@${address}`;
}

/**
 * Whether a holder is this very machine under another identity: without an address, or with another of its addresses.
 * By the identity alone, an address that it had before cannot be told from a clone's.
 */
export function isOneself(holder: string, machine: Holder, addresses: readonly string[]): boolean {
  return [null, ...addresses].some((address) => holder === holderIdentity(machine, address));
}

export function newLease(machine: Holder, identity: string, versions: Versions, now: Date) {
  const { group, host, machineId } = machine;
  const renewTime = microTime(now);
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      name: leaseName(host, machineId),
      namespace: group.namespace,
      labels: { [GROUP_LABEL]: group.name },
      annotations: annotations(versions),
    },
    spec: {
      holderIdentity: identity,
      leaseDurationSeconds: DURATION_S,
      leaseTransitions: 0,
      acquireTime: renewTime,
      renewTime,
    },
  };
}

/** The usual beat: it works only on a Lease that this machine holds already. */
export function renewal(identity: string, versions: Versions, now: Date): JsonPatchOperation[] {
  const written = Object.entries(annotations(versions)).map(
    ([key, value]) => ({ op: 'add', path: `/metadata/annotations/${key.replace('/', '~1')}`, value }) as const,
  );
  return [
    { op: 'test', path: '/spec/holderIdentity', value: identity },
    { op: 'replace', path: '/spec/renewTime', value: microTime(now) },
    ...written,
  ];
}

/**
 * Takes a Lease that was released, was held by another machine,
 * or lost its annotations; guarded by its resourceVersion.
 */
export function takeOver(
  { metadata, spec }: Lease,
  machine: Holder,
  identity: string,
  versions: Versions,
  now: Date,
): JsonPatchOperation[] {
  const wanted = newLease(machine, identity, versions, now);
  const leaseTransitions = spec.leaseTransitions + (spec.holderIdentity === identity ? 0 : 1);
  return [
    { op: 'test', path: '/metadata/resourceVersion', value: metadata.resourceVersion },
    { op: 'add', path: '/metadata/labels', value: { ...metadata.labels, ...wanted.metadata.labels } },
    { op: 'add', path: '/metadata/annotations', value: { ...metadata.annotations, ...wanted.metadata.annotations } },
    { op: 'add', path: '/spec', value: { ...wanted.spec, leaseTransitions } },
  ];
}

function annotations(versions: Versions): Record<string, string> {
  const values = {
    [`${PREFIX}agent-version`]: versions.agent,
    [`${PREFIX}agent-wanted`]: versions.agentWanted ?? '',
    [`${PREFIX}held-by`]: versions.heldBy ?? '',
    [`${PREFIX}istio-running`]: versions.istioRunning ?? '',
    [`${PREFIX}istio-staged`]: versions.istioStaged ?? '',
    [`${PREFIX}istio-wanted`]: versions.istioWanted ?? '',
    [`${PREFIX}restart-pending`]: versions.restartPending,
  };
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, annotationValue(value)]));
}

function hash(machineId: string): string {
  return createHash('sha256').update(machineId.trim()).digest('hex');
}

/** Kubernetes' MicroTime: six digits after the point. */
function microTime(date: Date): string {
  return date.toISOString().replace('Z', '000Z');
}
