/** `repository renew-root`. */
import { type CommandSpec, parseArguments } from '../../src/base/cli/arguments.ts';
import { rotateKeys } from '../operations/rotate.ts';
import { type Io, KEYS, PROGRAM, publisherOf } from './command.ts';
import { writeRotated } from './rotated-text.ts';

export const spec = {
  program: PROGRAM,
  name: 'renew-root',
  summary: 'make a root with the same keys that is valid for longer',
  forms: ['<folder> --keys <folder>'],
  description: `Run it once a year, before the root expires: it makes the next root, with the same keys. When too few root keys are at
hand, the root is kept as a draft for the others to sign.`,
  options: { keys: KEYS },
} satisfies CommandSpec;

export async function run(args: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseArguments(spec, args, { min: 1, max: 1 });
  const [folder = ''] = positionals;
  writeRotated(await rotateKeys(publisherOf(spec, folder, values.keys, io), { roles: ['root'], add: 0 }), io);
  return 0;
}
