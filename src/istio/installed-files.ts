/** The configuration files of Istio's own package on this machine. One that is absent counts as empty, as for the start script. */
import { readForeignText } from '../host/foreign-file.ts';
import type { Paths } from '../paths.ts';
import type { ReleaseConfiguration } from './release.ts';

/** Rejects with SMM520 when one cannot be read. */
export async function readInstalledFiles({
  istio,
}: Paths): Promise<Pick<ReleaseConfiguration, 'clusterEnv' | 'sidecarEnv' | 'mesh'>> {
  return {
    clusterEnv: (await readForeignText(istio.clusterEnv)) ?? '',
    sidecarEnv: (await readForeignText(istio.sidecarEnv)) ?? '',
    mesh: (await readForeignText(istio.mesh)) ?? '',
  };
}
