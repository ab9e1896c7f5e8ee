/** Single fields of the ProxyConfig that pilot-agent runs with. Loads the YAML reader: imported late. */
import type { Value } from './vm-config/go-scalar.ts';
import { readGoYaml } from './vm-config/go-yaml.ts';
import { fieldOf } from './vm-config/mesh-edit.ts';

/** In pilot-agent's own order: PROXY_CONFIG over the mesh file. undefined where neither has it. Throws SMM302 for unreadable YAML. */
export function proxyConfigField(path: readonly string[], mesh: string, proxyConfig: string): Value | undefined {
  return (
    fieldOf(readGoYaml(proxyConfig, 'PROXY_CONFIG'), path) ??
    fieldOf(readGoYaml(mesh, 'the mesh file'), ['defaultConfig', ...path])
  );
}
