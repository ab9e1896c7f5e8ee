/** Single fields of the ProxyConfig that pilot-agent runs with. Loads the YAML reader: imported late. */
import type { Value } from './configuration/go/go-scalar.ts';
import { readGoYaml } from './configuration/go/go-yaml.ts';
import { fieldOf } from './configuration/mesh-edit.ts';

/**
 * In pilot-agent's own order: PROXY_CONFIG over the mesh file.
 * undefined if neither has it. Throws SMM302 for unreadable YAML.
 */
export function proxyConfigField(path: readonly string[], mesh: string, proxyConfig: string): Value | undefined {
  return (
    fieldOf(readGoYaml(proxyConfig, 'PROXY_CONFIG'), path) ??
    fieldOf(readGoYaml(mesh, 'the mesh file'), ['defaultConfig', ...path])
  );
}
