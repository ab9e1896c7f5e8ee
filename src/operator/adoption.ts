/**
 * The work of `smm-agent adopt`: shows the difference of another configuration, and takes over edits of Istio's files.
 */
import { AgentError } from '../base/errors.ts';
import type { Paths } from '../base/paths.ts';
import { ask } from '../daemon/socket/client.ts';
import type { End } from '../daemon/socket/protocol.ts';
import { turnResult } from '../daemon/turn-result.ts';
import { wantedRelease } from '../decision/wanted.ts';
import { readText } from '../host/files/files.ts';
import { noteOldConfiguration } from '../istio/activation/old-configuration.ts';
import { describeDifference } from '../istio/configuration/difference.ts';
import { discoveryAddress, hostOf, revisionInHost } from '../istio/configuration/discovery.ts';
import { type OwnConfiguration, writeOwnConfiguration } from '../istio/configuration/own-configuration.ts';
import { readInstalledFiles } from '../istio/installed-files.ts';
import { istiodLine } from '../istio/releases/hosts-line.ts';
import { firstRelease } from '../observation/first-release.ts';
import type { Observation } from '../observation/observation.ts';
import type { Tell } from '../turn/events.ts';
import { requireTarget } from './target.ts';
import { configHere, controlPlaneHere, observeHere, reconcileHere } from './without-daemon.ts';

/** `again`: the files of the Istio package as they are now. */
export type AdoptionKind = 'render' | 'keep' | 'again';

/** The difference between the wanted configuration and the one of the next start. Changes nothing. */
export async function adoptionDifference(paths: Paths, kind: AdoptionKind): Promise<string[]> {
  const config = await configHere(paths);
  const observation = await observeHere(paths);
  const { active, staged, own } = observation;
  requireAdopted(observation);
  const controlPlane = await controlPlaneHere(paths, config);
  try {
    const target = await controlPlane.target('fresh');
    requireTarget(target);
    const wanted = await wantedRelease({
      target,
      config: kind === 'again' ? config : { ...config, istio: { ...config.istio, configuration: kind } },
      isAdopted: true,
      own: kind === 'again' ? await installedConfiguration(paths, own) : own,
      knownHosts: active === null ? [] : [active.configuration.hosts],
      activeLink: paths.active,
      names: paths.istio,
      resolve: async () => [],
    });
    if (wanted.answer === 'nothing')
      throw new AgentError('SMM608', `cannot compare: ${wanted.reason}`, 'see smm-agent status');
    const next = (staged ?? active)?.configuration ?? own?.configuration;
    // All configurations are lost, so there is nothing to compare with.
    if (next === undefined) return ["this machine's own configuration: made of the files of Istio's package again"];
    return describeDifference(next, wanted.configuration);
  } finally {
    controlPlane.close();
  }
}

/** Records Istio's own files, with their edits, as the machine's own configuration. */
export async function adoptAgain(paths: Paths): Promise<void> {
  const observation = await observeHere(paths);
  requireAdopted(observation);
  const { own } = observation;
  await writeOwnConfiguration(paths.state, await installedConfiguration(paths, own));
  await noteOldConfiguration(paths);
}

/** The configuration that Istio's package would start with now. `before` is the record so far; null if it is lost. */
async function installedConfiguration(paths: Paths, before: OwnConfiguration | null): Promise<OwnConfiguration> {
  const files = await readInstalledFiles(paths);
  if (before !== null) return { ...before, configuration: { ...before.configuration, ...files } };
  const host = hostOf(discoveryAddress(files));
  const hosts = istiodLine((await readText(paths.hosts)) ?? '', host);
  // An operator's own host name contains no revision. With '' every revision is a move, and a move sets the address.
  const revision = revisionInHost(host) ?? '';
  return { revision, configuration: { ...files, hosts, rootCert: null } };
}

/** A turn with the changed configuration: by the daemon if one runs. Resolves with the result. */
export async function reconcileOrAsk(paths: Paths, tell: Tell): Promise<End> {
  const answer = await ask(paths.socket, { do: 'reload', turn: true }, tell);
  return answer ?? turnResult(await reconcileHere(paths, tell));
}

/** A machine whose release is lost counts as adopted: `smm-agent adopt` is one way to repair it. */
function requireAdopted(observation: Observation): void {
  if (firstRelease(observation) !== 'due') return;
  const remedy = 'run smm-agent reconcile while Istio runs: this adopts it';
  throw new AgentError('SMM606', 'cannot compare configurations: Istio on this machine is not adopted yet', remedy);
}
