/** `smm-agent rollback`: back to the version before, by an operator's wish, with the same care as forward. */
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
  /** Whether `to` knows of probations; one that does not is started as it is. */
  knowsProbation: boolean;
}

/**
 * Resolves with the versions when the agent is being restarted. Rejects with SMM707 where there is nothing to go back to, SMM702 when
 * that version says that it does not work here, and SMM704.
 */
export async function rollback({ paths, clock, services }: RollbackParts): Promise<RolledBack> {
  await requireGuard(services);
  const store = new VersionStore(paths);
  const switched = await changeVersions(paths, async () => {
    const from = await store.link('current');
    const probation = await readProbation(paths);
    const undone = probation !== null && probation.to === from ? probation : null;
    const to = undone === null ? await store.link('previous') : undone.from;
    if (from === null || to === null || to === from) throw nothingBefore(from, 'no version was before it');
    if (!(await store.isSound(to))) throw nothingBefore(from, `smm-agent ${to} is not complete on disk`);
    const knows = await knowsProbation(to);
    const needsProbation = undone === null && knows;
    if (needsProbation) await requireSelfCheck(paths, store.folder(to), to);
    await writeLeftVersion(paths, { version: from, for: to, at: clock.now().toISOString() });
    if (needsProbation) {
      await switchTo(store, from, to, clock);
    } else {
      // It has worked here before; one that is on probation itself, or knows of none, needs no other to be gone back from.
      await store.setLink('current', to);
      await store.setLink('previous', undone === null ? from : undone.previous);
      await endProbation(paths);
    }
    return { from, to, knowsProbation: knows };
  });
  await services.requestRestart(AGENT_UNIT);
  return switched;
}

function nothingBefore(from: string | null, why: string): AgentError {
  const remedy = 'let the control plane ask for a version (ConfigMap smm-agent), or install its package';
  return new AgentError('SMM707', `cannot go back from smm-agent ${from ?? 'of no version'}: ${why}`, remedy);
}
