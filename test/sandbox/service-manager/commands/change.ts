/** The commands of systemctl that change something: jobs, links below /etc, signals. */

import { JobConflict, type JobType } from '../jobs.ts';
import type { EmbeddedServiceManager } from '../manager.ts';
import type { Service } from '../service.ts';
import type { CommandLine } from './arguments.ts';
import { disable, enable, mask, unmask } from './enablement.ts';
import { answer, failure, type Reply } from './reply.ts';

/** Queues a job for each unit and waits for it. `typeFor` returns null for a unit that needs no job. */
export async function change(
  manager: EmbeddedServiceManager,
  units: string[],
  typeFor: (unit: string) => JobType | null,
  { options }: CommandLine,
): Promise<Reply> {
  const mode = options.get('job-mode')?.at(-1) === 'fail' ? 'fail' : 'replace';
  for (const unit of units) {
    const type = typeFor(unit);
    if (type === null) continue;
    const timer = unit.endsWith('.timer') ? unit.slice(0, -'.timer'.length) : null;
    if (timer !== null && type === 'stop') {
      if (!manager.transient.cancel(timer)) return failure(`Failed to stop ${unit}: Unit ${unit} not loaded.`, 5);
      continue;
    }
    const { loadState } = manager.service(unit).definition;
    if (loadState === 'not-found') return failure(`Failed to ${type} ${unit}: Unit ${unit} not found.`, 5);
    if (loadState === 'masked' && type !== 'stop') return failure(`Failed to ${type} ${unit}: Unit ${unit} is masked.`);
    if (type === 'reload') {
      const refusal = cannotReload(manager.service(unit));
      if (refusal !== null) return failure(refusal);
    }
    try {
      const result = manager.submit(unit, type, mode);
      if (options.has('no-block')) result.catch((error: unknown) => manager.note(unit, String(error)));
      else if ((await result) !== 'done') return failure(`Job for ${unit} ${await result}.`);
    } catch (error) {
      if (!(error instanceof JobConflict)) throw error;
      return failure(
        `Failed to ${type} ${unit}: Transaction for ${unit}/${type} is destructive (${error.message}).`,
        4,
      );
    }
  }
  return answer('');
}

/** Why a `reload` job is refused for the unit; null if it is possible. */
function cannotReload({ name, isUp, definition }: Service): string | null {
  if (definition.service.execReload.length === 0)
    return `Failed to reload ${name}: Job type reload is not applicable for unit ${name}.`;
  return isUp ? null : `${name} is not active, cannot reload.`;
}

/** enable, disable, mask and unmask, with --now. */
export async function changeFiles(
  manager: EmbeddedServiceManager,
  verb: 'enable' | 'disable' | 'mask' | 'unmask',
  units: string[],
  line: CommandLine,
): Promise<Reply> {
  for (const unit of units) {
    const isKnown = manager.service(unit).definition.loadState !== 'not-found';
    if (!isKnown && verb !== 'mask') return failure(`Failed to ${verb} unit: Unit file ${unit} does not exist.`);
    ({ enable, disable, mask, unmask })[verb](manager.root, unit);
  }
  // systemctl reloads after each change of unit files.
  manager.daemonReload();
  if (!line.options.has('now')) return answer('');
  return change(manager, units, () => (verb === 'enable' ? 'start' : 'stop'), line);
}

/** `systemctl kill`. */
export function kill(manager: EmbeddedServiceManager, units: string[], { options }: CommandLine): Reply {
  const name = options.get('signal')?.at(-1) ?? 'SIGTERM';
  const signal = (name.startsWith('SIG') ? name : `SIG${name}`) as NodeJS.Signals;
  const whom = (options.get('kill-whom') ?? options.get('kill-who'))?.at(-1) === 'main' ? 'main' : 'all';
  for (const unit of units) manager.service(unit).kill(signal, whom);
  return answer('');
}
