/**
 * The agent's own upgrade, from the download to the switch.
 * After the restart, the guard and the new version do the rest.
 */
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
 * Resolves when the next start brings the new version, on probation; the caller restarts the agent. Rejects with SMM702
 * (SelfCheckFailed) when the new version must be rejected, with SMM701, SMM703, SMM704, SMM709, as `archives` does, and
 * with the signal's reason; the agent then runs on unchanged.
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
      // The guard would end it only at the next start: the probation
      // of a version that was rolled back would block this switch.
      await endProbation(paths);
      await placeVersion(store, prepared);
      await requireComplete(store, from, to);
      await removeArchives(paths, prepared);
      await requireSelfCheck(paths, store.folder(to), to, options.signal);
      checkpoint('agent-self-checked');
      await switchTo(store, from, to, clock);
    });
  } catch (error) {
    // After the lock is released: processes that wait for it need not wait for this too.
    if (error instanceof SelfCheckFailed) await requireFaultOf(store, { to, said: error.said }, from, options.signal);
    throw error;
  }
}

/** The archive of a runtime has a third of its size, and is not needed again. */
async function removeArchives({ downloads }: Paths, { version, runtime }: PreparedVersion): Promise<void> {
  const onDisk = { istio: new Set<string>(), agent: new Set([version]), runtime: new Set([runtime.version]) };
  await cleanDownloads(downloads, onDisk);
}

/** SMM703 when another version than `from` is in place, or `from` is on probation itself. */
async function requireUnchanged(store: VersionStore, from: string): Promise<void> {
  const [current, probation] = [await store.link('current'), await readProbation(store.paths)];
  if (current === from && probation?.to !== from) return;
  throw changedMeanwhile(from, current === from ? `${from} is on probation` : `current is now ${current ?? 'nothing'}`);
}

/**
 * SMM703 when a package has removed a folder that was on disk
 * before the lock was held: the self-check would blame the version.
 */
async function requireComplete(store: VersionStore, from: string, to: string): Promise<void> {
  const manifest = await store.read(to);
  if (manifest !== null && (await store.readRuntime(manifest.runtime)) !== null) return;
  throw changedMeanwhile(from, `the files of ${to} on disk were removed meanwhile`);
}

function changedMeanwhile(from: string, why: string): AgentError {
  const remedy = 'nothing: the agent looks again at the next turn';
  return new AgentError('SMM703', `cannot switch from smm-agent ${from}: ${why}`, remedy);
}
