/** `smm-agent rollback`: back to the previous version, by an operator, with the same care as in an upgrade. */
import { AgentError } from '../base/errors.ts';
import type { Paths } from '../base/paths.ts';
import type { Clock } from '../host/clock.ts';
import type { ServiceManager } from '../host/systemd/service-manager.ts';
import { changeVersions } from './lock.ts';
import { writeLeftVersion } from './operators-choice.ts';
import { endProbation, readProbation } from './probation.ts';
import { requireSelfCheck } from './self-check.ts';
import { VersionStore } from './store.ts';
import { switchTo } from './switch.ts';
import { AGENT_UNIT, requireGuard } from './unit.ts';
import { knowsProbation } from './version.ts';

export interface RollbackParts {
  paths: Paths;
  clock: Clock;
  services: ServiceManager;
}

export interface RolledBack {
  from: string;
  to: string;
  /** Whether `to` knows probations; a version that does not is started without one. */
  knowsProbation: boolean;
}

/**
 * Resolves with the versions when the agent is being restarted. Rejects with SMM707 when there is no version to go back
 * to, SMM702 when that version fails its self-check, and SMM704.
 */
export async function rollback({ paths, clock, services }: RollbackParts): Promise<RolledBack> {
  await requireGuard(services);
  const store = new VersionStore(paths);
  const switched = await changeVersions(paths, async () => {
    const from = await store.link('current');
    const probation = await readProbation(paths);
    const undone = probation !== null && probation.to === from ? probation : null;
    const to = undone === null ? await store.link('previous') : undone.from;
    if (from === null) throw noWayBack('cannot go back: no current version of smm-agent is known');
    const back = `cannot go back from smm-agent ${from}`;
    if (to === null || to === from) throw noWayBack(`${back}: there is no version before it`);
    if (!(await store.isSound(to))) throw noWayBack(`${back}: smm-agent ${to} is not complete on disk`);
    const knows = await knowsProbation(to);
    const needsProbation = undone === null && knows;
    if (needsProbation) await requireSelfCheck(paths, store.folder(to), to);
    await writeLeftVersion(paths, { version: from, for: to, at: clock.now().toISOString() });
    if (needsProbation) {
      await switchTo(store, from, to, clock);
    } else {
      // Without a probation: `to` ran here before the probation that is undone now, or it does not know probations.
      await store.setLink('current', to);
      await store.setLink('previous', undone === null ? from : undone.previous);
      await endProbation(paths);
    }
    return { from, to, knowsProbation: knows };
  });
  await services.requestRestart(AGENT_UNIT);
  return switched;
}

function noWayBack(sentence: string): AgentError {
  const remedy = 'let the control plane ask for a version (ConfigMap smm-agent), or install its package';
  return new AgentError('SMM707', sentence, remedy);
}
