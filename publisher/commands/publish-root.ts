/** `repository publish-root`. */
import { resolve } from 'node:path';
import { type CommandSpec, parseArguments } from '../../src/base/cli/arguments.ts';
import { publishDraft } from '../operations/sign-draft.ts';
import { type Io, KEYS, PROGRAM, publisherOf } from './command.ts';

export const spec = {
  program: PROGRAM,
  name: 'publish-root',
  summary: 'publish a draft of a root that enough have signed',
  forms: ['<folder> --keys <folder> <draft>...'],
  description: `Publishes the root when the thresholds of the root before it and of its own are met. Copies that were signed apart are put together.
It needs the keys of targets, snapshot and timestamp, as far as the root changes them, and no root key.`,
  options: { keys: KEYS },
} satisfies CommandSpec;

export async function run(args: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseArguments(spec, args, { min: 2, max: Number.POSITIVE_INFINITY });
  const [folder = '', ...drafts] = positionals;
  const files = drafts.map((file) => resolve(io.cwd, file));
  const version = await publishDraft(publisherOf(spec, folder, values.keys, io), files);
  io.stdout.write(`published root ${version}\n`);
  return 0;
}
