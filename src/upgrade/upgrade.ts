/** The agent's own upgrade, from the download to the request for its restart. What comes after is the guard's and the new version's. */
import { AgentError } from '../errors.ts';
import { checkpoint } from '../host/checkpoints.ts';
import type { Clock } from '../host/clock.ts';
import { withFileLock } from '../host/file-lock.ts';
import type { ServiceManager } from '../host/service-manager.ts';
import type { Paths } from '../paths.ts';
import type { FetchOptions } from '../repository/source.ts';
import { placeVersion, removeLeftVersions } from './place.ts';
import { type Archives, prepareVersion } from './prepare.ts';
import { readProbation } from './probation.ts';
import { requireSelfCheck } from './self-check.ts';
import { VersionStore } from './store.ts';
import { switchTo } from './switch.ts';

export const AGENT_UNIT = 'smm-agent.service';
const GUARD = 'agent-guard';

export interface UpgradeParts {
  paths: Paths;
  clock: Clock;
  services: ServiceManager;
  archives: Archives;
}

export interface UpgradeOptions extends FetchOptions {
  /** Called when `to` is in place. After it comes the restart, which may end this process before anything else is said. */
  onSwitched?: () => void;
}

/**
 * Resolves when systemd has the job of the restart. Rejects with SMM702 (SelfCheckFailed) when the new version is to be rejected, with
 * SMM701, SMM703, SMM704, what `archives` rejects with, and the signal's reason; the agent then runs on as it is.
 */
export async function upgradeAgent(
  { paths, clock, services, archives }: UpgradeParts,
  from: string,
  to: string,
  options: UpgradeOptions,
): Promise<void> {
  const store = new VersionStore(paths);
  await requireGuard(services);
  await removeLeftVersions(store);
  const prepared = await prepareVersion(store, to, archives, options);
  await changeVersions(paths, async () => {
    await requireUnchanged(store, from);
    await placeVersion(store, prepared);
    await requireSelfCheck(paths, store.folder(to), to, options.signal);
    checkpoint('agent-self-checked');
    await switchTo(store, from, to, clock);
  });
  options.onSwitched?.();
  await services.requestRestart(AGENT_UNIT);
  checkpoint('agent-restart-asked');
}

/** Under the lock that package and guard take as well. */
export function changeVersions<T>({ opt }: Pick<Paths, 'opt'>, change: () => Promise<T>): Promise<T> {
  return withFileLock(opt, change);
}

/** Without the guard nobody would put a bad version back: SMM704. */
export async function requireGuard(services: ServiceManager): Promise<void> {
  const { execStartPre, execStopPost } = await services.unit(AGENT_UNIT);
  const runs = (commands: typeof execStartPre) =>
    commands.some(({ argv }) => argv.some((word) => word.endsWith(`/${GUARD}`)));
  if (runs(execStartPre) && runs(execStopPost)) return;
  throw new AgentError(
    'SMM704',
    `cannot change the agent's version: ${AGENT_UNIT} does not run ${GUARD} before its start and after its end`,
    'take ExecStartPre= and ExecStopPost= out of your drop-in of it, or install the package again',
  );
}

/** A package, or an operator, may have switched while it was downloaded: SMM703. */
async function requireUnchanged(store: VersionStore, from: string): Promise<void> {
  const [current, probation] = [await store.link('current'), await readProbation(store.paths)];
  if (current === from && probation === null) return;
  const why = current === from ? `${probation?.to} is on probation` : `current is ${current ?? 'nothing'} by now`;
  throw new AgentError(
    'SMM703',
    `cannot switch from smm-agent ${from}: ${why}`,
    'it is looked at again at the next turn',
  );
}
