/** `repository refresh`. */
import { type CommandSpec, parseArguments } from '../../src/base/cli/arguments.ts';
import { DEFAULT_WITHIN, refreshRepository } from '../operations/refresh.ts';
import { countOf, type Io, KEEP_DAYS, KEYS, PROGRAM, publisherOf } from './command.ts';

export const spec = {
  program: PROGRAM,
  name: 'refresh',
  summary: 'renew signatures before they expire; for cron',
  forms: ['<folder> --keys <folder>'],
  description: `Signs a new timestamp, and snapshot and targets when they expire soon and their keys are at hand. Sync afterwards.`,
  options: {
    keys: KEYS,
    within: {
      type: 'string',
      value: '<days>',
      help: `renew signatures that expire within this time (${DEFAULT_WITHIN})`,
    },
    'keep-days': KEEP_DAYS,
  },
  exitCodes: { 1: 'something expires soon and cannot be signed here; the rest is signed' },
} satisfies CommandSpec;

export async function run(args: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseArguments(spec, args, { min: 1, max: 1 });
  const [folder = ''] = positionals;
  const publisher = publisherOf(spec, folder, values.keys, io);
  const { renewed, due } = await refreshRepository(publisher, {
    within: values.within ?? DEFAULT_WITHIN,
    keepDays: countOf('keep-days', values['keep-days']),
  });
  io.stdout.write(`signed ${renewed.join(', ')}\n`);
  for (const { role, expires } of due) {
    const remedy =
      role === 'root' ? 'repository renew-root with its keys' : `repository refresh with the keys of ${role}`;
    io.stderr.write(
      `repository: ${role} expires at ${expires}, and its keys are not at hand\n  what to do: ${remedy}\n`,
    );
  }
  return due.length === 0 ? 0 : 1;
}
