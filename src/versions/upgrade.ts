/** The agent's own upgrade, from the download to the switch. After the restart it is the guard's and the new version's. */
import { AgentError } from '../base/errors.ts';
import type { Paths } from '../base/paths.ts';
import { cleanDownloads } from '../downloads/clean.ts';
import type { FetchOptions } from '../downloads/source.ts';
import type { Clock } from '../host/clock.ts';
import { checkpoint } from '../host/files/checkpoints.ts';
import type { ServiceManager } from '../host/systemd/service-manager.ts';
import { SelfCheckFailed } from './errors.ts';
import { removeLeftVersions } from './half-made.ts';
import { changeVersions } from './lock.ts';
import { placeVersion } from './place.ts';
import { type Archives, type PreparedVersion, prepareVersion } from './prepare.ts';
import { endProbation, readProbation } from './probation.ts';
import { requireFaultOf, requireSelfCheck } from './self-check.ts';
import { VersionStore } from './store.ts';
import { switchTo } from './switch.ts';
import { requireGuard } from './unit.ts';

export interface UpgradeParts {
  paths: Paths;
  clock: Clock;
  services: ServiceManager;
  archives: Archives;
}

/**
 * Resolves when the new version is what starts next, on probation; the restart is the caller's. Rejects with SMM702 (SelfCheckFailed)
 * when the new version is to be rejected, with SMM701, SMM703, SMM704, SMM709, what `archives` rejects with, and the signal's reason; the
 * agent then runs on as it is.
 */
export async function upgradeAgent(
  { paths, clock, services, archives }: UpgradeParts,
  from: string,
  to: string,
  options: FetchOptions,
): Promise<void> {
  const store = new VersionStore(paths);
  await requireGuard(services);
  await requireUnchanged(store, from);
  await removeLeftVersions(paths);
  const prepared = await prepareVersion(store, to, archives, options);
  try {
    await changeVersions(paths, async () => {
      // A package, or an operator, may have switched while it was downloaded.
      await requireUnchanged(store, from);
      // As the guard ends it at the next start: one of a version that was put back would keep every other from being switched to.
      await endProbation(paths);
      await placeVersion(store, prepared);
      await requireComplete(store, from, to);
      await removeArchives(paths, prepared);
      await requireSelfCheck(paths, store.folder(to), to, options.signal);
      checkpoint('agent-self-checked');
      await switchTo(store, from, to, clock);
    });
  } catch (error) {
    // Without the lock: whoever waits for it need not wait for this as well.
    if (error instanceof SelfCheckFailed) await requireFaultOf(store, { to, said: error.said }, from, options.signal);
    throw error;
  }
}

/** A runtime's is a third of the runtime, and nobody needs it again. */
async function removeArchives({ downloads }: Paths, { version, runtime }: PreparedVersion): Promise<void> {
  const onDisk = { istio: new Set<string>(), agent: new Set([version]), runtime: new Set([runtime.version]) };
  await cleanDownloads(downloads, onDisk);
}

/** SMM703 where another version than `from` is in place, or that is on probation itself. */
async function requireUnchanged(store: VersionStore, from: string): Promise<void> {
  const [current, probation] = [await store.link('current'), await readProbation(store.paths)];
  if (current === from && probation?.to !== from) return;
  throw changedMeanwhile(
    from,
    current === from ? `${from} is on probation` : `current is ${current ?? 'nothing'} by now`,
  );
}

/** SMM703 where a package has removed what was found on disk before the lock was held: the self-check would blame the version for it. */
async function requireComplete(store: VersionStore, from: string, to: string): Promise<void> {
  const manifest = await store.read(to);
  if (manifest !== null && (await store.readRuntime(manifest.runtime)) !== null) return;
  throw changedMeanwhile(from, `what was on disk of ${to} is gone by now`);
}

function changedMeanwhile(from: string, why: string): AgentError {
  const remedy = 'it is looked at again at the next turn';
  return new AgentError('SMM703', `cannot switch from smm-agent ${from}: ${why}`, remedy);
}
