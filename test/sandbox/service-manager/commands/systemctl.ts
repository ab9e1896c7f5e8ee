/** The commands of systemctl that the project uses, with systemd's output and exit statuses. */

import { writeControlGroups } from '../control-groups.ts';
import type { EmbeddedServiceManager } from '../manager.ts';
import { unitFileState } from '../units/definition.ts';
import { type CommandLine, parseArguments } from './arguments.ts';
import { change, changeFiles, kill } from './change.ts';
import { answer, failure, type Reply } from './reply.ts';
import { properties, type TimestampStyle } from './show.ts';
import { unitName } from './unit-name.ts';

const OPTIONS = {
  property: true,
  value: false,
  'no-legend': false,
  'no-pager': false,
  'no-block': false,
  'no-ask-password': false,
  full: false,
  quiet: false,
  plain: false,
  all: false,
  now: false,
  force: false,
  system: false,
  'job-mode': true,
  signal: true,
  'kill-who': true,
  'kill-whom': true,
  timestamp: true,
  lines: true,
  valueOf: true,
};
const SHORT = { p: 'property', P: 'valueOf', l: 'full', q: 'quiet', a: 'all', f: 'force', s: 'signal', n: 'lines' };

export async function systemctl(manager: EmbeddedServiceManager, args: readonly string[]): Promise<Reply> {
  const line = parseArguments(args, OPTIONS, SHORT);
  const [verb = 'list-units', ...units] = line.words;
  const named = units.map(unitName);
  switch (verb) {
    case 'show':
      writeControlGroups(manager.root, manager.services());
      return answer(named.map((unit) => show(manager, unit, line)).join('\n'));
    case 'list-jobs':
      return answer(listJobs(manager, line.options.has('no-legend')));
    case 'is-system-running':
      return answer(`${systemState(manager)}\n`, systemState(manager) === 'running' ? 0 : 1);
    case 'is-active':
      return each(
        named,
        (unit) => activeState(manager, unit),
        (word) => (word === 'active' || word === 'reloading' ? 0 : 3),
      );
    case 'is-failed':
      return each(
        named,
        (unit) => manager.service(unit).active,
        (word) => (word === 'failed' ? 0 : 1),
      );
    case 'is-enabled':
      return each(
        named,
        (unit) => unitFileState(manager.root, unit),
        (word) => (['enabled', 'static'].includes(word) ? 0 : 1),
      );
    case 'start':
    case 'stop':
    case 'restart':
    case 'reload':
      return change(manager, named, () => verb, line);
    case 'try-restart':
      return change(manager, named, (unit) => (manager.service(unit).isUp ? 'restart' : null), line);
    case 'enable':
    case 'disable':
    case 'mask':
    case 'unmask':
      return changeFiles(manager, verb, named, line);
    case 'daemon-reload':
      manager.daemonReload();
      return answer('');
    case 'reset-failed':
      for (const service of named.length > 0 ? named.map((unit) => manager.service(unit)) : manager.services())
        service.resetFailed();
      return answer('');
    case 'kill':
      return kill(manager, named, line);
    default:
      return failure(`Unknown command verb ${verb}.`);
  }
}

/** A timer is listed while it waits. */
function activeState(manager: EmbeddedServiceManager, unit: string): string {
  if (!unit.endsWith('.timer')) return manager.service(unit).active;
  return manager.transient.names().includes(unit.slice(0, -'.timer'.length)) ? 'active' : 'inactive';
}

function show(manager: EmbeddedServiceManager, unit: string, { options }: CommandLine): string {
  const asked = ['property', 'valueOf'].flatMap((name) => options.get(name) ?? []).flatMap((list) => list.split(','));
  const isBare = options.has('value') || options.has('valueOf');
  const style = (options.get('timestamp')?.at(-1) ?? 'pretty') as TimestampStyle;
  return properties(manager, manager.service(unit), style)
    .filter(([name]) => asked.length === 0 || asked.includes(name))
    .map(([name, value]) => `${isBare ? '' : `${name}=`}${value}\n`)
    .join('');
}

function listJobs(manager: EmbeddedServiceManager, isBare: boolean): string {
  const targets = manager.targets.map((unit, index) => ({
    id: 100_000 + index,
    unit,
    type: 'start',
    state: 'waiting',
  }));
  const jobs = [...manager.jobs.list(), ...targets];
  const rows = jobs.map(({ id, unit, type, state }) => `${id} ${unit} ${type} ${state}\n`).join('');
  if (isBare) return rows;
  return jobs.length === 0 ? 'No jobs running.\n' : `JOB UNIT TYPE STATE\n${rows}\n${jobs.length} jobs listed.\n`;
}

function systemState(manager: EmbeddedServiceManager): string {
  const isDegraded = manager.systemState === 'running' && manager.services().some(({ active }) => active === 'failed');
  return isDegraded ? 'degraded' : manager.systemState;
}

function each(units: string[], word: (unit: string) => string, status: (word: string) => number): Reply {
  const words = units.map(word);
  return answer(`${words.join('\n')}\n`, Math.min(...words.map(status)));
}
