/** `repository withdraw`. */
import { type CommandSpec, parseArguments } from '../../src/base/cli/arguments.ts';
import { withdrawTargets } from '../operations/withdraw.ts';
import { countOf, type Io, KEEP_DAYS, KEYS, PROGRAM, publisherOf } from './command.ts';

export const spec = {
  program: PROGRAM,
  name: 'withdraw',
  summary: 'take files out of the repository',
  forms: ['<folder> --keys <folder> <target path>...'],
  description: `From now on no client finds the files. Machines that have them keep them: to change what runs, announce another
version. The bytes stay for a while, for clients that have just asked for them.`,
  options: { keys: KEYS, 'keep-days': KEEP_DAYS },
} satisfies CommandSpec;

export async function run(args: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseArguments(spec, args, { min: 2, max: Number.POSITIVE_INFINITY });
  const [folder = '', ...paths] = positionals;
  const publisher = publisherOf(spec, folder, values.keys, io);
  const withdrawn = await withdrawTargets(publisher, paths, { keepDays: countOf('keep-days', values['keep-days']) });
  for (const path of paths) {
    io.stdout.write(withdrawn.includes(path) ? `withdrew ${path}\n` : `${path} was withdrawn already\n`);
  }
  return 0;
}
