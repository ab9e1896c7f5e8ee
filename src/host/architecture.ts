/** The machine's architecture, by the names that packages use. */
import { AgentError } from '../base/errors.ts';

/** The name of this machine's architecture in packages. Throws SMM435 when Istio publishes no packages for it. */
export function packageArchitecture(arch: string = process.arch): 'amd64' | 'arm64' {
  if (arch === 'x64') return 'amd64';
  if (arch === 'arm64') return 'arm64';
  throw new AgentError(
    'SMM435',
    `cannot use an Istio package on ${arch}: Istio publishes packages for amd64 and arm64`,
    'take this machine out of the mesh, or move it to another architecture',
  );
}
