/** `smm-agent history`: what was changed on this machine, when, from and to, and how it ended. */

import { type CommandSpec, parseArguments } from '../base/cli/arguments.ts';
import { EXIT } from '../base/cli/exit-codes.ts';
import type { Io } from '../base/cli/io.ts';
import { AgentError } from '../base/errors.ts';
import { type HistoryEntry, readHistory } from '../history/history.ts';

export const spec = {
  name: 'history',
  summary: 'show what was changed here, when, from and to, and how it ended',
  forms: ['[--last <n>] [--json]'],
  description: `Lists the versions of the agent and the releases of Istio that this machine has had, the newest last, with the reason where one
was put back or refused, and the last lines of a version that failed. The last 200 events are kept, also across reboots.`,
  options: {
    last: { type: 'string', value: '<n>', help: 'only the last n' },
    json: { type: 'boolean', help: 'print them as JSON, one object a line' },
  },
} as const satisfies CommandSpec;

export async function run(args: readonly string[], io: Io): Promise<number> {
  const { values } = parseArguments(spec, args, { min: 0, max: 0 });
  const entries = (await readHistory(io.paths)).slice(-countOf(values.last));
  if (values.json) for (const entry of entries) io.stdout.write(`${JSON.stringify(entry)}\n`);
  else if (entries.length === 0) io.stdout.write('nothing was changed yet\n');
  else io.stdout.write(entries.map(describeEntry).join(''));
  return EXIT.ok;
}

function countOf(text: string | undefined): number {
  if (text === undefined) return Number.MAX_SAFE_INTEGER;
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  const sentence = `cannot show the last ${text} changes: a number from 1 on is needed`;
  throw new AgentError('SMM601', sentence, 'write for example --last 10');
}

/** A line, and below it, indented, what is known of a failure. */
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
    if (result === 'put back') return `Istio release ${from} was put back to ${to}`;
    return from === null ? `Istio release ${to} runs` : `Istio release ${to} runs, in place of ${from}`;
  }
  const before = from === null ? '' : ` in place of ${from}`;
  switch (result) {
    case 'put back':
      return `smm-agent ${from} was put back to ${to}`;
    case 'refused':
      return `smm-agent ${to} was refused, ${from ?? 'the version before'} stayed`;
    case 'rolled back':
      return `smm-agent ${from} was left by an operator, for ${to}`;
    case 'confirmed':
      return `smm-agent ${to} is confirmed${before}`;
    default:
      return `smm-agent ${to} was installed${before}`;
  }
}
