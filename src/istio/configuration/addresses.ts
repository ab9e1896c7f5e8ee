/**
 * The addresses of another revision, for a machine that keeps its own configuration and
 * moves there. Nothing else of the control plane's objects is written into its files
 * then. Nothing else of them is read either, so nothing else can prevent the move.
 */

import { isPlainWord } from './env/grammar.ts';
import { gatewayAddress, hostsLine } from './gateway.ts';
import type { Value } from './go/go-scalar.ts';
import { readGoYaml } from './go/go-yaml.ts';
import type { VmInputs } from './inputs.ts';
import type { LocalConfiguration } from './local.ts';
import { fieldOf } from './mesh-edit.ts';
import { invalidField, refused } from './problem.ts';
import { ISTIOD_PORT, isRevisioned, istiodHostOf, type VmFiles } from './render.ts';
import { MAX_ANNOTATION_BYTES, readProxyConfigs, toValue } from './workload-group.ts';

export interface Addresses extends Pick<VmFiles, 'hosts' | 'gatewayHostname' | 'istiodHost'> {
  /** `<host>:<port>` of istiod, in the order in which Istio decides it: PILOT_ADDRESS, then the mesh configuration. */
  discoveryAddress: string;
  caAddress: string;
}

/** Istio's own default: the unrevisioned istiod. */
const DEFAULT_ADDRESS = `istiod.istio-system.svc:${ISTIOD_PORT}`;

/**
 * The same addresses as in `renderVmFiles`. Throws SMM301 to
 * SMM304 when a value that names them cannot or must not be used.
 */
export function controlPlaneAddresses(inputs: VmInputs, local: LocalConfiguration): Addresses {
  const istiodHost = istiodHostOf(inputs);
  const own = `${istiodHost}:${ISTIOD_PORT}`;
  const mesh = fieldOf(readGoYaml(inputs.mesh ?? '', 'the mesh configuration'), ['defaultConfig']) ?? null;
  const annotations = readProxyConfigs(inputs.workloadGroup).map(({ where, text }) => ({
    where,
    config: readGoYaml(text, where, MAX_ANNOTATION_BYTES),
  }));
  const byControlPlane = [{ where: 'the mesh configuration', config: mesh }, ...annotations];
  const ofMachine = { where: 'istio.mesh', config: toValue(local.mesh) };
  /** The text of the last layer that sets the field; an empty text removes what an earlier layer sets. */
  const last = (path: readonly string[], layers: typeof byControlPlane) =>
    layers.map((layer) => textAt(layer, path)).findLast((text) => text !== undefined);
  const metadata = (key: string) => {
    const ofOwn = local.env[key] ?? last(['proxyMetadata', key], [ofMachine]);
    return ofOwn ?? plain(last(['proxyMetadata', key], byControlPlane), key);
  };
  const ofMesh = textAt({ where: 'the mesh configuration', config: mesh }, ['discoveryAddress']);
  const before = ofMesh || (isRevisioned(inputs.revision) ? own : undefined);
  const address =
    last(['discoveryAddress'], [ofMachine]) ??
    plain(last(['discoveryAddress'], annotations) ?? before, 'discoveryAddress');
  const { ip, hostname } = gatewayAddress(inputs.ingressIP ?? '', inputs.gateway);
  return {
    discoveryAddress: metadata('PILOT_ADDRESS') || address || DEFAULT_ADDRESS,
    caAddress: local.env.CA_ADDR ?? (isRevisioned(inputs.revision) ? own : metadata('CA_ADDR') || own),
    hosts: ip === null ? '' : hostsLine(ip, istiodHost),
    gatewayHostname: hostname,
    istiodHost,
  };
}

/** undefined if the field is absent or null: that changes nothing. Throws SMM303 for a value that is not a string. */
function textAt({ where, config }: { where: string; config: Value }, path: readonly string[]): string | undefined {
  const value = fieldOf(config, path);
  if (value === undefined || typeof value === 'string') return value;
  throw invalidField(`${where}.${path.join('.')}`, 'it is not a string');
}

/** It may end up in PILOT_ADDRESS, which the start script puts into YAML. */
function plain(text: string | undefined, what: string): string | undefined {
  if (text !== undefined && !isPlainWord(text)) throw refused(`the value of ${what}`, 'it is not a plain word');
  return text;
}
