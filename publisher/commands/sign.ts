/** `repository sign`. */
import { resolve } from 'node:path';
import { type CommandSpec, parseArguments } from '../../src/base/cli/arguments.ts';
import { describeDraft, lackingTexts, signDraft } from '../operations/sign-draft.ts';
import { shortId } from '../signing/signatures.ts';
import { type Io, KEYS, keyFolders, PROGRAM, passphraseOf } from './command.ts';

export const spec = {
  program: PROGRAM,
  name: 'sign',
  summary: 'sign a draft of a root',
  forms: ['<draft> [--keys <folder>]'],
  description: `Shows what the draft changes and, with --keys, adds the signatures of the root keys in that folder. It needs only the
draft, no repository and no network, so it can run where the keys are. Without --keys it only shows the changes.`,
  options: { keys: KEYS },
} satisfies CommandSpec;

export async function run(args: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseArguments(spec, args, { min: 1, max: 1 });
  const [name = ''] = positionals;
  const file = resolve(io.cwd, name);
  const { version, changes, previous, signed, lacking } =
    values.keys === undefined
      ? await describeDraft(file)
      : await signDraft(file, { keys: keyFolders(spec, values.keys, io), passphrase: passphraseOf(io) });
  const lines = [
    `root ${version} follows root ${previous.version}, whose file has the SHA-256 ${previous.sha256}`,
    ...changes.map((line) => `  ${line}`),
    ...signed.map((id) => `signed by ${shortId(id)}`),
    ...lackingTexts(lacking),
    ...(lacking.length === 0 ? ['enough keys have signed: repository publish-root publishes it'] : []),
  ];
  io.stdout.write(`${lines.join('\n')}\n`);
  return 0;
}
