/** `repository init`. */
import { resolve } from 'node:path';
import { type CommandSpec, columns, type OptionSpec, parseArguments } from '../../src/base/cli/arguments.ts';
import { createRepository } from '../operations/create.ts';
import { DEFAULT_EXPIRES, DEFAULT_KEYS, type KeyCount, ROLES, type RoleName } from '../signing/roles.ts';
import { shortId } from '../signing/signatures.ts';
import { countOf, type Io, KEYS, PROGRAM, publisherOf } from './command.ts';

export const spec = {
  program: PROGRAM,
  name: 'init',
  summary: 'make a repository and its keys',
  forms: ['<folder> --keys <folder>'],
  description: `Makes an empty repository, and its keys as files with mode 0600. Carry the folder root of the keys away afterwards:
daily work needs only the other keys. With SMM_REPOSITORY_PASSPHRASE in the environment the key files are encrypted.`,
  options: {
    keys: { ...KEYS, help: 'an empty folder for the keys' },
    'keep-days': { type: 'string', value: '<days>', help: 'how long unused files stay (30)' },
    ...(Object.fromEntries(ROLES.flatMap(optionsOf)) as Record<string, OptionSpec & { type: 'string' }>),
  },
} satisfies CommandSpec;

function optionsOf(role: RoleName): [string, OptionSpec][] {
  const { keys, threshold } = DEFAULT_KEYS[role];
  const expires = DEFAULT_EXPIRES[role];
  return [
    [`${role}-keys`, { type: 'string', value: '<n>', help: `how many keys ${role} has (${keys})` }],
    [
      `${role}-threshold`,
      { type: 'string', value: '<m>', help: `how many of them must sign (${threshold}, or more than half)` },
    ],
    [
      `expires-${role}`,
      { type: 'string', value: '<days>', help: `how long a signature of ${role} is valid (${expires})` },
    ],
  ];
}

export async function run(args: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseArguments(spec, args, { min: 1, max: 1 });
  const [folder = ''] = positionals;
  const given = values as Record<string, string | undefined>;
  const keys: Partial<Record<RoleName, KeyCount>> = {};
  const expires: Partial<Record<RoleName, string>> = {};
  for (const role of ROLES) {
    keys[role] = countsOf(role, given);
    expires[role] = given[`expires-${role}`] ?? DEFAULT_EXPIRES[role];
  }
  const keepDays = countOf('keep-days', values['keep-days']);
  const publisher = publisherOf(spec, folder, values.keys, io);
  const created = await createRepository(publisher, { keys, expires, ...(keepDays === undefined ? {} : { keepDays }) });
  const rows = ROLES.flatMap((role) => created.keys[role].map(({ file, key }) => [shortId(key.keyID), file] as const));
  const lines = [
    `made the repository ${resolve(io.cwd, folder)}`,
    ...columns(rows),
    '',
    `root of trust, for npm run package -- --root: ${created.root}`,
    'what to do: carry the folder root of the keys offline, in parts if several people sign; docs/repository.md has the ceremony',
  ];
  io.stdout.write(`${lines.join('\n')}\n`);
  return 0;
}

function countsOf(role: RoleName, given: Record<string, string | undefined>): KeyCount {
  const keys = countOf(`${role}-keys`, given[`${role}-keys`]) ?? DEFAULT_KEYS[role].keys;
  const threshold = countOf(`${role}-threshold`, given[`${role}-threshold`]);
  return { keys, threshold: threshold ?? Math.floor(keys / 2) + 1 };
}
