/**
 * `istio.configuration: keep`: a copy of the machine's own hand-made
 * configuration, with the fewest changes that a release needs.
 */
import type { ReleaseConfiguration } from '../release.ts';
import { setEnv } from './env/env-file.ts';
import { type EnvEntry, lastMention, readEnvText } from './env/env-text.ts';
import { readGoYaml } from './go/go-yaml.ts';
import { type Message, normalise } from './go/normalise.ts';
import { PROXY_CONFIG } from './go/schema.ts';
import type { LocalConfiguration } from './local.ts';
import { fieldOf, setField } from './mesh-edit.ts';
import { defeating, unchangeable, unusableLocal } from './problem.ts';
import { checkLocalKeys, isShellKey } from './refused.ts';
import { toValue } from './workload-group.ts';

/** The addresses of another control plane. */
export interface Move {
  /** `<host>:<port>` of istiod. */
  discoveryAddress: string;
  caAddress: string;
  /** The hosts line, or empty. */
  hosts: string;
}

export interface KeptChange {
  binaryPath: string;
  /** Only when the machine moves to another revision. */
  move?: Move;
  local: LocalConfiguration;
  /** The names of the files in errors: their paths on this machine. */
  names?: OwnFileNames;
}

export type OwnFileNames = Record<EnvFile, string>;
type EnvFile = 'sidecarEnv' | 'clusterEnv';
const SHORT_NAMES: OwnFileNames = { sidecarEnv: 'sidecar.env', clusterEnv: 'cluster.env' };

/**
 * The configuration with Envoy's path, agent.yaml's own settings and, for a move,
 * the addresses of the other control plane; everything else stays byte for byte.
 * Doing it again changes nothing. Throws SMM302, SMM303 or SMM305 to SMM307.
 */
export function keepConfiguration(current: ReleaseConfiguration, change: KeptChange): ReleaseConfiguration {
  const { binaryPath, move, local, names = SHORT_NAMES } = change;
  checkLocalKeys(local.env);
  const mesh = localMesh(local);
  const kept = move === undefined ? { ...current } : moved(current, move, names);
  for (const [field, value] of mesh) {
    if (field !== 'proxyMetadata' || !(value instanceof Map)) {
      kept.mesh = setField(kept.mesh, ['defaultConfig', field], value);
      continue;
    }
    for (const [key, item] of value) kept.mesh = setField(kept.mesh, ['defaultConfig', field, key], item);
  }
  kept.mesh = setField(kept.mesh, ['defaultConfig', 'binaryPath'], binaryPath);
  kept.clusterEnv = setEnv(kept.clusterEnv, local.env, names.clusterEnv);
  checkProxyConfig(kept, binaryPath, move, names);
  return kept;
}

function moved(current: ReleaseConfiguration, move: Move, names: OwnFileNames): ReleaseConfiguration {
  const withAddress = movePilotAddress(current, 'clusterEnv', move, names);
  const clusterEnv = setEnv(withAddress, { CA_ADDR: move.caAddress }, names.clusterEnv);
  return {
    ...current,
    mesh: setField(current.mesh, ['defaultConfig', 'discoveryAddress'], move.discoveryAddress),
    clusterEnv,
    sidecarEnv: movePilotAddress(current, 'sidecarEnv', move, names),
    hosts: move.hosts,
  };
}

/** PILOT_ADDRESS wins over the mesh file, so it moves too; ISTIO_PILOT_PORT alone means the unrevisioned istiod. */
function movePilotAddress(current: ReleaseConfiguration, file: EnvFile, move: Move, names: OwnFileNames): string {
  const { entries } = readEnvText(current[file]);
  const address = lastMention(entries, 'PILOT_ADDRESS');
  const isSet = address !== undefined && !(address.kind === 'assignment' && address.value === '');
  if (isSet) return setEnv(current[file], { PILOT_ADDRESS: move.discoveryAddress }, names[file]);
  const port = lastMention(entries, 'ISTIO_PILOT_PORT');
  if (port !== undefined && !setsPilotAddress(current)) {
    throw defeating(names[file], port.line, 'ISTIO_PILOT_PORT', 'which would keep this machine on the old istiod');
  }
  return current[file];
}

function setsPilotAddress({ sidecarEnv, clusterEnv }: ReleaseConfiguration): boolean {
  return [sidecarEnv, clusterEnv].some((text) => lastMention(readEnvText(text).entries, 'PILOT_ADDRESS') !== undefined);
}

/** PROXY_CONFIG comes after the mesh file and wins over it. cluster.env is read last. */
function checkProxyConfig(
  kept: ReleaseConfiguration,
  binaryPath: string,
  move: Move | undefined,
  names: OwnFileNames,
): void {
  const wanted = [
    { field: 'binaryPath', value: binaryPath, why: 'which would keep the old Envoy' },
    ...(move === undefined
      ? []
      : [{ field: 'discoveryAddress', value: move.discoveryAddress, why: 'which would keep the old istiod' }]),
  ];
  for (const file of ['clusterEnv', 'sidecarEnv'] as const) {
    const entry = lastMention(readEnvText(kept[file]).entries, 'PROXY_CONFIG');
    if (entry === undefined) continue;
    for (const { field, value, why } of wanted) {
      if (!mayDiffer(entry, field, value)) continue;
      throw defeating(names[file], entry.line, `PROXY_CONFIG with ${field}`, why);
    }
    return;
  }
}

function mayDiffer(entry: EnvEntry, field: string, wanted: string): boolean {
  if (entry.kind !== 'assignment') return new RegExp(`${field}|${snake(field)}`).test(entry.text);
  const found = fieldOf(readGoYaml(entry.value, 'PROXY_CONFIG'), [field]);
  return found !== undefined && found !== '' && found !== wanted;
}

/**
 * agent.yaml's mesh settings, normalised. A zero value means "remove
 * this field", and the agent removes no field of the operator's file.
 */
function localMesh({ mesh }: LocalConfiguration): Message {
  const message = normalise(PROXY_CONFIG, toValue(mesh), 'istio.mesh', 'reject');
  if (message.has('binaryPath')) {
    throw unusableLocal('istio.mesh.binaryPath', 'Istio would keep another Envoy than that of its release');
  }
  for (const [field, value] of Object.entries(mesh)) {
    const name = field.replaceAll(/_([a-z0-9])/g, (_match, letter: string) => letter.toUpperCase());
    if (value !== null && name !== 'proxyMetadata' && !message.has(name)) {
      throw unchangeable(
        'the mesh file',
        name,
        'istio.mesh sets it to zero, which removes it; remove it there by hand',
      );
    }
  }
  const metadata = message.get('proxyMetadata');
  for (const key of metadata instanceof Map ? metadata.keys() : []) {
    if (!isShellKey(key))
      throw unusableLocal(`istio.mesh.proxyMetadata.${key}`, 'it is not the name of a shell variable');
  }
  return message;
}

function snake(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
