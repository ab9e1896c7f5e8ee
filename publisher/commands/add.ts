/** `repository add`. */
import { resolve } from 'node:path';
import { type CommandSpec, parseArguments, usageError } from '../../src/base/cli/arguments.ts';
import { addTargets } from '../operations/add.ts';
import { countOf, type Io, KEEP_DAYS, KEYS, PROGRAM, publisherOf } from './command.ts';

export const spec = {
  program: PROGRAM,
  name: 'add',
  summary: 'publish versions of the agent, runtimes and Istio packages',
  forms: ['<folder> --keys <folder> <file>...'],
  description: `Publishes files that npm run package has built (smm-agent-<version>.tar.zst, node-<version>-<arch>.tar.zst)
and packages istio-sidecar, under the names by which agents ask for them. Each file is checked first. Files that are
published already stay.`,
  options: {
    keys: KEYS,
    as: { type: 'string', value: '<target path>', help: 'publish one file under this path' },
    replace: { type: 'boolean', help: 'let a published path get other bytes' },
    'keep-days': KEEP_DAYS,
  },
} satisfies CommandSpec;

export async function run(args: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseArguments(spec, args, { min: 2, max: Number.POSITIVE_INFINITY });
  const [folder = '', ...files] = positionals;
  if (values.as !== undefined && files.length > 1)
    throw usageError(spec, 'cannot publish several files under one path with --as');
  const publisher = publisherOf(spec, folder, values.keys, io);
  const { added, unchanged } = await addTargets(
    publisher,
    files.map((file) => ({ file: resolve(io.cwd, file), path: values.as })),
    { replace: values.replace ?? false, keepDays: countOf('keep-days', values['keep-days']) },
  );
  for (const { path, bytes } of added) io.stdout.write(`added ${path}, ${megabytes(bytes)}\n`);
  for (const path of unchanged) io.stdout.write(`unchanged ${path}\n`);
  return 0;
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(1)} MB`;
}
