/** What `smm-agent adopt` does: the difference that another configuration would make, and the taking over of edits. */
import { AgentError } from '../errors.ts';
import { systemClock } from '../host/clock.ts';
import { readText } from '../host/files.ts';
import { noteOldConfiguration } from '../istio/activation/old-configuration.ts';
import { type OwnConfiguration, readOwnConfiguration, writeOwnConfiguration } from '../istio/own-configuration.ts';
import { describeDifference } from '../istio/vm-config/difference.ts';
import type { Paths } from '../paths.ts';
import { readMachineId } from './agent.ts';
import { RELOAD } from './daemon.ts';
import type { Tell } from './events.ts';
import { configHere, observeHere, reconcileHere } from './here.ts';
import { Mesh } from './mesh.ts';
import { ask } from './socket.ts';
import { wantedRelease } from './wanted.ts';

/** `again`: the files of the Istio package as they are now. */
export type AdoptionKind = 'render' | 'keep' | 'again';

/** How the wanted configuration would differ from the one that the next start brings. Changes nothing. */
export async function adoptionDifference(paths: Paths, kind: AdoptionKind): Promise<string[]> {
  const config = await configHere(paths);
  const { active, staged, own } = await observeHere(paths);
  if (active === null || own === null) throw notAdopted();
  const mesh = new Mesh(config, { paths, machineId: await readMachineId(paths), clock: systemClock });
  try {
    const wanted = await wantedRelease({
      target: await mesh.target('anew'),
      config: kind === 'again' ? config : { ...config, istio: { ...config.istio, configuration: kind } },
      own: kind === 'again' ? await editedConfiguration(paths, own) : own,
      knownHosts: [active.configuration.hosts],
      activeLink: paths.active,
      names: paths.istio,
      resolve: async () => [],
    });
    if (wanted.answer === 'nothing')
      throw new AgentError('SMM608', `cannot compare: ${wanted.reason}`, 'see smm-agent status');
    return describeDifference((staged ?? active).configuration, wanted.configuration);
  } finally {
    mesh.close();
  }
}

/** The edits of Istio's own files become the machine's own configuration. */
export async function adoptAgain(paths: Paths): Promise<void> {
  const own = await readOwnConfiguration(paths.state);
  if (own === null) throw notAdopted();
  await writeOwnConfiguration(paths.state, await editedConfiguration(paths, own));
  await noteOldConfiguration(paths);
}

async function editedConfiguration({ istio }: Paths, own: OwnConfiguration): Promise<OwnConfiguration> {
  const [clusterEnv = '', sidecarEnv = '', mesh = ''] = await Promise.all(
    [istio.clusterEnv, istio.sidecarEnv, istio.mesh].map(async (path) => (await readText(path)) ?? ''),
  );
  return { ...own, configuration: { ...own.configuration, clusterEnv, sidecarEnv, mesh } };
}

/** A turn with the changed configuration: by the daemon where one runs. Resolves with whether it went well. */
export async function reconcileOrAsk(paths: Paths, tell: Tell): Promise<boolean> {
  await ask(paths.socket, { do: RELOAD }, tell);
  const answer = await ask(paths.socket, { do: 'reconcile' }, tell);
  if (answer !== null) return answer.ok;
  return (await reconcileHere(paths, tell)).agent.state !== 'failing';
}

function notAdopted(): AgentError {
  const remedy = 'run smm-agent reconcile while Istio runs: it is adopted then';
  return new AgentError('SMM606', 'cannot compare configurations: Istio on this machine is not adopted yet', remedy);
}
