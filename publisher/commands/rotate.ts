/** `repository rotate`. */

import { resolve } from 'node:path';
import { type CommandSpec, parseArguments, usageError } from '../../src/base/cli/arguments.ts';
import { nearest } from '../../src/base/nearest.ts';
import { rotateKeys } from '../operations/rotate.ts';
import { ROLES, type RoleName } from '../signing/roles.ts';
import { countOf, type Io, KEYS, PROGRAM, publisherOf } from './command.ts';
import { writeRotated } from './rotated-text.ts';

export const spec = {
  program: PROGRAM,
  name: 'rotate',
  summary: 'give a role new keys',
  forms: ['<folder> --role <role> --keys <folder>'],
  description: `Makes new keys for root, targets, snapshot or timestamp, and a root that names them. Without --remove and --add all keys
of the role are replaced. When too few root keys are at hand, the root is kept as a draft for the others to sign.`,
  options: {
    role: {
      type: 'string',
      value: '<role>',
      multiple: true,
      help: 'root, targets, snapshot or timestamp; of several at once, all keys are replaced',
    },
    keys: { ...KEYS, help: 'folder with the keys; new ones are made in the first; may be given more than once' },
    remove: {
      type: 'string',
      value: '<key id>',
      multiple: true,
      help: 'take this key out of use; may be given more than once',
    },
    add: { type: 'string', value: '<n>', help: 'make so many new keys (as many as are removed)' },
    'add-public': {
      type: 'string',
      value: '<file>',
      multiple: true,
      help: 'add the public key in this PEM file, whose owner keeps the private one',
    },
    threshold: { type: 'string', value: '<m>', help: 'how many must sign from now on' },
  },
} satisfies CommandSpec;

export async function run(args: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseArguments(spec, args, { min: 1, max: 1 });
  const [folder = ''] = positionals;
  if (values.role === undefined) throw usageError(spec, 'cannot rotate keys without --role <role>');
  const publisher = publisherOf(spec, folder, values.keys, io);
  const rotated = await rotateKeys(publisher, {
    roles: [...new Set((values.role ?? []).map(roleOf))],
    remove: values.remove ?? [],
    addPublic: (values['add-public'] ?? []).map((file) => resolve(io.cwd, file)),
    add: countOf('add', values.add),
    threshold: countOf('threshold', values.threshold),
  });
  writeRotated(rotated, io);
  return 0;
}

function roleOf(name: string): RoleName {
  const role = ROLES.find((known) => known === name);
  if (role !== undefined) return role;
  const close = nearest(name, ROLES);
  throw usageError(spec, `cannot find the role ${name}${close === null ? '' : ` (did you mean ${close}?)`}`);
}
