/** `repository publish-root`. */
import { resolve } from 'node:path';
import { type CommandSpec, parseArguments } from '../../src/base/cli/arguments.ts';
import { publishDraft } from '../operations/sign-draft.ts';
import { type Io, KEYS, PROGRAM, publisherOf } from './command.ts';

export const spec = {
  program: PROGRAM,
  name: 'publish-root',
  summary: 'publish a draft of a root once enough keys have signed it',
  forms: ['<folder> --keys <folder> <draft>...'],
  description: `Publishes the root when it meets the threshold of the previous root and its own. Copies of the draft that were signed
separately are merged. It needs no root key, but the keys of targets, snapshot and timestamp, as far as the root changes
them.`,
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
