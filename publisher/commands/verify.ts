/** `repository verify`. */
import { resolve } from 'node:path';
import { type CommandSpec, columns, parseArguments } from '../../src/base/cli/arguments.ts';
import { verifyRepository } from '../operations/verify.ts';
import { megabytes } from './add.ts';
import { type Io, PROGRAM } from './command.ts';

export const spec = {
  program: PROGRAM,
  name: 'verify',
  summary: 'check a repository as a client does',
  forms: ['<folder> [--root <root.json>]'],
  description: `Follows every root, signature, digest and date from the first root on, reads every file, and lists everything that is
wrong. It needs no keys, and changes nothing.`,
  options: { root: { type: 'string', value: '<root.json>', help: 'begin with this root: the one that was shipped' } },
  exitCodes: { 1: 'something is wrong' },
} satisfies CommandSpec;

export async function run(args: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseArguments(spec, args, { min: 1, max: 1 });
  const [folder = ''] = positionals;
  const root = values.root === undefined ? undefined : resolve(io.cwd, values.root);
  const { problems, warnings, roles, targets } = await verifyRepository(resolve(io.cwd, folder), { root });
  const rows = roles.map(({ role, version, expires, signed, threshold, keys }) => {
    return [
      `${role} ${version}`,
      `valid until ${expires}, signed by ${signed} of ${keys} keys, ${threshold} must sign`,
    ] as const;
  });
  const files = targets.map(({ path, bytes }) => [path, megabytes(bytes)] as const);
  if (rows.length > 0) io.stdout.write(`${columns([...rows, ...files]).join('\n')}\n`);
  for (const warning of warnings) io.stdout.write(`warning: ${warning}\n`);
  for (const problem of problems) io.stdout.write(`problem: ${problem}\n`);
  io.stdout.write(
    problems.length === 0
      ? 'nothing is wrong\n'
      : `${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}\n`,
  );
  return problems.length === 0 ? 0 : 1;
}
