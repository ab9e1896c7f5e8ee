/** The differences between two configurations, in an operator's words: "inbound ports: 8080 added". */
import { isDeepStrictEqual } from 'node:util';
import { isAgentError } from '../../base/errors.ts';
import type { ReleaseConfiguration } from '../release.ts';
import { knownValues, readEnvText } from './env/env-text.ts';
import type { Value } from './go/go-scalar.ts';
import { readGoYaml } from './go/go-yaml.ts';
import { compareUtf8 } from './go/quote.ts';
import { mayShowEnv, mayShowMesh } from './shown.ts';

type Values = ReadonlyMap<string, string | undefined>;

/** Longer values say little in a message. */
const MAX_VALUE_CHARS = 60;
/** These follow from the labels, the ports or the group, and would repeat them: named only if nothing else differs. */
const DERIVED = new Set(['CANONICAL_SERVICE', 'CANONICAL_REVISION', 'ISTIO_META_POD_PORTS']);
const NAMES: ReadonlyMap<string, string> = new Map([
  ['CA_ADDR', 'CA address'],
  ['ISTIO_META_POD_PORTS', 'names of the ports'],
  ['CANONICAL_SERVICE', 'canonical service'],
  ['CANONICAL_REVISION', 'canonical revision'],
  ['discoveryAddress', 'discovery address'],
  ['binaryPath', "Envoy's path"],
  ['ISTIO_SVC_IP', 'address of this machine (ISTIO_SVC_IP)'],
  ['ISTIO_META_NETWORK', 'network'],
  ['ISTIO_META_CLUSTER_ID', 'cluster'],
  ['TRUST_DOMAIN', 'trust domain'],
  ['SERVICE_ACCOUNT', 'service account'],
]);

/**
 * One sentence for each difference; none when the two mean the
 * same. Values are shown of known settings only (shown.ts).
 */
export function describeDifference(before: ReleaseConfiguration, after: ReleaseConfiguration): string[] {
  const envs = [knownValues(before.clusterEnv), knownValues(after.clusterEnv)] as const;
  const meshes = [meshValues(before.mesh), meshValues(after.mesh)] as const;
  const ofEnv = differingKeys(...envs);
  const sentences = [
    ...ofEnv.flatMap((key) => describeEnv(key, envs[0].get(key), envs[1].get(key))),
    ...describeOther(before.clusterEnv, after.clusterEnv, 'cluster.env'),
    ...describeMeshes(...meshes, ofEnv, before.mesh === after.mesh),
    ...(before.hosts === after.hosts ? [] : [`hosts line: ${change(before.hosts.trim(), after.hosts.trim())}`]),
    ...(isSameCertificate(before, after) ? [] : ['root certificate: changed']),
    ...describeSidecar(before.sidecarEnv, after.sidecarEnv),
  ];
  if (sentences.length > 0 || ofEnv.length === 0) return sentences;
  return ofEnv.map((key) => `${NAMES.get(key) ?? key}: changed`);
}

function describeEnv(key: string, before: string | undefined, after: string | undefined): string[] {
  if (DERIVED.has(key)) return [];
  if (key === 'ISTIO_INBOUND_PORTS') return [`inbound ports: ${describeList(before, after)}`];
  if (key === 'ISTIO_LOCAL_EXCLUDE_PORTS') return [`ports excluded from the redirect: ${describeList(before, after)}`];
  if (key !== 'ISTIO_METAJSON_LABELS') return [describeValue(key, mayShowEnv(key), before, after)];
  const [old, now] = [labels(before), labels(after)];
  if (old === null || now === null) return ['labels: changed'];
  const differing = differingKeys(old, now);
  // The canonical labels follow from other labels, or from the group's name.
  const given = differing.filter((label) => !label.startsWith('service.istio.io/canonical-'));
  const said = given.length > 0 ? given : differing;
  // Labels are not secret: the WorkloadEntry shows them too.
  return said.map((label) => describeValue(`label ${label}`, true, old.get(label), now.get(label)));
}

function describeValue(key: string, mayShow: boolean, before: string | undefined, after: string | undefined): string {
  const name = NAMES.get(key) ?? key;
  if (mayShow) return `${name}: ${change(before, after)}`;
  // Of a value that may be secret only this.
  const what = before === undefined ? 'added' : after === undefined ? 'removed' : 'changed';
  return `${name}: ${what}`;
}

function change(before: string | undefined, after: string | undefined): string {
  if (before === undefined || before === '') return after === '' ? 'set, without a value' : `${shown(after)} added`;
  if (after === undefined || after === '') return `${shown(before)} removed`;
  const [old, now] = [shown(before), shown(after)];
  return old === now ? 'changed' : `${old} to ${now}`;
}

function shown(value = ''): string {
  const line = value.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]/gu, ' ');
  return line.length > MAX_VALUE_CHARS
    ? `${line.slice(0, MAX_VALUE_CHARS - 20).toWellFormed()}... (${value.length} characters)`
    : line;
}

/** Lists with commas: which items were added and which removed. */
function describeList(before = '', after = ''): string {
  const [old, now] = [before.split(','), after.split(',')];
  if (before === '*' || after === '*' || before === '' || after === '') return change(before, after);
  const added = now.filter((item) => !old.includes(item));
  const removed = old.filter((item) => !now.includes(item));
  if (added.length === 0 && removed.length === 0) return 'in another order';
  return [
    ...(added.length > 0 ? [`${shown(added.join(', '))} added`] : []),
    ...(removed.length > 0 ? [`${shown(removed.join(', '))} removed`] : []),
  ].join(', ');
}

function describeSidecar(before: string, after: string): string[] {
  const [old, now] = [knownValues(before), knownValues(after)];
  const known = differingKeys(old, now).map(
    (key) => `sidecar.env ${describeValue(key, mayShowEnv(key), old.get(key), now.get(key))}`,
  );
  return [...known, ...describeOther(before, after, 'sidecar.env')];
}

/** Lines of which only bash could tell what they set. */
function describeOther(before: string, after: string, file: string): string[] {
  const others = [before, after].map((text) =>
    readEnvText(text)
      .entries.filter(({ kind }) => kind === 'other')
      .map((entry) => entry.text.trim()),
  );
  return isDeepStrictEqual(others[0], others[1]) ? [] : [`${file}: other lines changed`];
}

function differingKeys(before: Values, after: Values): string[] {
  const keys = new Set([...before.keys(), ...after.keys()]);
  return [...keys].filter((key) => before.get(key) !== after.get(key)).toSorted(compareUtf8);
}

function isSameCertificate(before: ReleaseConfiguration, after: ReleaseConfiguration): boolean {
  // Null: the machine's own certificate, which is not known here.
  return before.rootCert === null || after.rootCert === null || before.rootCert === after.rootCert;
}

/** Without the keys in `said`: cluster.env holds the same keys as proxyMetadata. */
function describeMeshes(before: Values | null, after: Values | null, said: string[], isSameText: boolean): string[] {
  if (before === null || after === null) {
    const which = before === null ? 'that of the release before' : 'the new one';
    return isSameText ? [] : [`mesh file: changed; ${which} cannot be read as YAML`];
  }
  return differingKeys(before, after)
    .filter((key) => !said.includes(key.replace(/^proxyMetadata\./, '')))
    .map((path) => describeValue(path, mayShowMesh(path.split('.')), before.get(path), after.get(path)));
}

/**
 * Every leaf of defaultConfig by its path; null for a file that a
 * disk or an editor has damaged. That is no error: this only informs.
 */
function meshValues(mesh: string): Map<string, string> | null {
  const values = new Map<string, string>();
  const visit = (value: Value, path: string) => {
    if (value instanceof Map) for (const [key, item] of value) visit(item, path === '' ? key : `${path}.${key}`);
    else values.set(path, Array.isArray(value) ? JSON.stringify(value, bigintAsText) : String(value ?? ''));
  };
  let root: Value;
  try {
    root = readGoYaml(mesh, 'the mesh file');
  } catch (error) {
    if (isAgentError(error, 'SMM302')) return null;
    throw error;
  }
  const config = root instanceof Map ? (root.get('defaultConfig') ?? root.get('default_config')) : null;
  if (config instanceof Map) visit(config, '');
  return values;
}

function bigintAsText(_key: string, value: unknown): unknown {
  if (value instanceof Map) return Object.fromEntries(value);
  return typeof value === 'bigint' ? String(value) : value;
}

function labels(json = '{}'): Map<string, string> | null {
  const value = readLabels(json);
  if (!(value instanceof Map)) return null;
  return new Map([...value].map(([key, item]) => [key, String(item)]));
}

/** A hand-made file may hold anything here. */
function readLabels(json: string): Value {
  try {
    return readGoYaml(json, 'ISTIO_METAJSON_LABELS');
  } catch (error) {
    return error instanceof Error ? error.message : null;
  }
}
