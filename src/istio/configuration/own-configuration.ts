/**
 * The configuration that this machine had when its Istio was adopted. Every release with
 * `istio.configuration: keep` is made from it, and not from the release before, so that a
 * setting that is removed from agent.yaml, or a move that is undone, leaves nothing behind.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { AgentError } from '../../base/errors.ts';
import { makeFolder, readText, writeAtomically } from '../../host/files/files.ts';
import type { ReleaseConfiguration } from '../release.ts';

const OwnConfiguration = z.object({
  format: z.literal(1),
  /** The revision that it leads to. */
  revision: z.string(),
  configuration: z.object({
    clusterEnv: z.string(),
    sidecarEnv: z.string(),
    mesh: z.string(),
    hosts: z.string(),
    rootCert: z.null(),
  }),
});

export interface OwnConfiguration {
  revision: string;
  configuration: ReleaseConfiguration;
}

/**
 * null before the adoption. Rejects with SMM449 when it is
 * damaged: to go on without it could lose the operator's settings.
 */
export async function readOwnConfiguration(stateFolder: string): Promise<OwnConfiguration | null> {
  const file = fileIn(stateFolder);
  const text = await readText(file);
  if (text === null) return null;
  try {
    return OwnConfiguration.parse(JSON.parse(text));
  } catch (cause) {
    const remedy = 'run smm-agent adopt, which takes it from the files of the Istio package again';
    throw new AgentError('SMM449', `cannot understand ${file}`, remedy, { cause });
  }
}

export async function writeOwnConfiguration(stateFolder: string, own: OwnConfiguration): Promise<void> {
  await makeFolder(join(stateFolder, 'istio'), 0o755);
  // cluster.env may hold what only root and istio-proxy should read.
  await writeAtomically(fileIn(stateFolder), `${JSON.stringify({ format: 1, ...own }, null, 2)}\n`, { mode: 0o600 });
}

function fileIn(stateFolder: string): string {
  return join(stateFolder, 'istio', 'own-configuration.json');
}
