/** `smm-agent history`: each change of a version on this machine, with its time, both versions and its result. */

import { type CommandSpec, parseArguments } from '../base/cli/arguments.ts';
import { EXIT } from '../base/cli/exit-codes.ts';
import type { Io } from '../base/cli/io.ts';
import { AgentError } from '../base/errors.ts';
import { type HistoryEntry, readHistory } from '../history/history.ts';

export const spec = {
  name: 'history',
  summary: 'show each change of a version on this machine, with its time and result',
  forms: ['[--last <n>] [--json]'],
  description: `Lists the versions of the agent and the releases of Istio that this machine has had, the newest last.
A version that was rolled back or refused is shown with the reason and with its last log lines.
The last 200 events are kept, also across reboots.`,
  options: {
    last: { type: 'string', value: '<n>', help: 'show only the last n events' },
    json: { type: 'boolean', help: 'print JSON, one object per line' },
  },
} as const satisfies CommandSpec;

export async function run(args: readonly string[], io: Io): Promise<number> {
  const { values } = parseArguments(spec, args, { min: 0, max: 0 });
  const entries = (await readHistory(io.paths)).slice(-countOf(values.last));
  if (values.json) for (const entry of entries) io.stdout.write(`${JSON.stringify(entry)}\n`);
  else if (entries.length === 0) io.stdout.write('no version was changed yet\n');
  else io.stdout.write(entries.map(describeEntry).join(''));
  return EXIT.ok;
}

function countOf(text: string | undefined): number {
  if (text === undefined) return Number.MAX_SAFE_INTEGER;
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new AgentError(
    'SMM601',
    `cannot show the last ${JSON.stringify(text)} events: this is not a number from 1 to 999999999`,
    'write for example --last 10',
  );
}

/** One line for the event, and indented lines for the reason and the evidence of a failure. */
export function describeEntry(entry: HistoryEntry): string {
  const { at, reason, evidence } = entry;
  const details = [
    ...(reason === null ? [] : [`why: ${reason}`]),
    ...(evidence === null ? [] : ['its last lines:', ...evidence.split('\n').map((line) => `  ${line}`)]),
  ];
  return [`${at}  ${sentenceFor(entry)}`, ...details.map((line) => `    ${line}`)].map((line) => `${line}\n`).join('');
}

function sentenceFor({ what, from, to, result }: HistoryEntry): string {
  if (what === 'istio') {
    if (result === 'put back') return `Istio release ${from} was rolled back to ${to}`;
    return from === null ? `Istio release ${to} runs` : `Istio release ${to} runs, in place of ${from}`;
  }
  const before = from === null ? '' : ` in place of ${from}`;
  switch (result) {
    case 'put back':
      return `smm-agent ${from} was rolled back to ${to}`;
    case 'refused':
      return `smm-agent ${to} was refused, ${from ?? 'the version before'} stayed`;
    case 'rolled back':
      return `smm-agent ${from} was rolled back to ${to} by an operator`;
    case 'confirmed':
      return `smm-agent ${to} is confirmed${before}`;
    default:
      return `smm-agent ${to} was installed${before}`;
  }
}
