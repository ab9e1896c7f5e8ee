/** `journalctl`: the log lines of units, for example the last lines of a version that ended. */

import type { Entry, Journal } from '../journal.ts';
import { parseArguments } from './arguments.ts';
import { answer, failure, type Reply } from './reply.ts';
import { unitName } from './unit-name.ts';

const OPTIONS = { unit: true, lines: true, output: true, 'no-pager': false, quiet: false };
const SHORT = { u: 'unit', n: 'lines', o: 'output', q: 'quiet' };
const INVOCATION = /^_SYSTEMD_INVOCATION_ID=(.*)$/;

export function journalctl(journal: Journal, args: readonly string[]): Reply {
  const { options, words } = parseArguments(args, OPTIONS, SHORT);
  const other = words.find((word) => !INVOCATION.test(word));
  if (other !== undefined) return failure(`Failed to add match '${other}': Invalid argument`);
  const style = options.get('output')?.at(-1) ?? 'short';
  if (style !== 'short' && style !== 'cat') return failure(`Unknown output format '${style}'.`);
  const invocation = words.map((word) => INVOCATION.exec(word)?.[1] ?? '').at(-1);
  const found = journal.entries({
    units: (options.get('unit') ?? []).map(unitName),
    ...(invocation === undefined ? {} : { invocation }),
  });
  const count = Number(options.get('lines')?.at(-1) ?? found.length);
  const shown = found.slice(Math.max(0, found.length - count));
  if (shown.length === 0) return answer(options.has('quiet') ? '' : '-- No entries --\n');
  return answer(shown.map((entry) => `${style === 'cat' ? message(entry) : short(entry)}\n`).join(''));
}

/** The priority at the beginning of a line, which journald removes. */
function message({ text }: Entry): string {
  return text.replace(/^<[0-7]>/, '');
}

/** A time in UTC, independent of the time zone of the host. */
function short(entry: Entry): string {
  const month = entry.at.toLocaleDateString('en-US', { month: 'short', timeZone: 'UTC' });
  const [day = '', time = ''] = entry.at.toISOString().slice(8, 19).split('T');
  const who = entry.invocation === '' ? 'systemd[1]' : entry.unit.replace(/\.[a-z]+$/, '');
  return `${month} ${day} ${time} sandbox ${who}: ${message(entry)}`;
}
