/** The configuration files of Istio's own package on this machine. One that is absent counts as empty, as for the start script. */
import { readText } from '../host/files.ts';
import type { Paths } from '../paths.ts';
import type { ReleaseConfiguration } from './release.ts';

/** Rejects with SMM520 when one cannot be read. */
export async function readInstalledFiles({
  istio,
}: Paths): Promise<Pick<ReleaseConfiguration, 'clusterEnv' | 'sidecarEnv' | 'mesh'>> {
  return {
    clusterEnv: (await readText(istio.clusterEnv)) ?? '',
    sidecarEnv: (await readText(istio.sidecarEnv)) ?? '',
    mesh: (await readText(istio.mesh)) ?? '',
  };
}
