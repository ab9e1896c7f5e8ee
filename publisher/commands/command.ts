/** The common parts of the publisher's commands. */
import { resolve } from 'node:path';
import { type CommandSpec, usageError } from '../../src/base/cli/arguments.ts';
import type { Output } from '../../src/base/cli/io.ts';
import { PublishError } from '../errors.ts';
import type { Publisher } from '../publisher.ts';
import { PASSPHRASE_VARIABLE } from '../signing/keys.ts';

export const PROGRAM = 'npm run repository --';

export interface Io {
  stdout: Output;
  stderr: Output;
  env: NodeJS.ProcessEnv;
  /** Where relative paths begin. */
  cwd: string;
}

export interface Command {
  spec: CommandSpec;
  /** Resolves with the exit code; rejects with an error that has a remedy. */
  run(args: readonly string[], io: Io): Promise<number>;
}

export const KEYS = {
  type: 'string',
  value: '<folder>',
  multiple: true,
  help: 'folder with the keys, and with root keys in its folder root; may be given more than once',
} as const;

export const KEEP_DAYS = {
  type: 'string',
  value: '<days>',
  help: 'how long unused files stay (30), but at least as long as a timestamp is valid',
} as const;

/** The folders of `--keys`. Throws when there is none. */
export function keyFolders(spec: CommandSpec, keys: readonly string[] | undefined, { cwd }: Io): string[] {
  if (keys === undefined) throw usageError(spec, `cannot run ${spec.name} without --keys <folder>`);
  return keys.map((folder) => resolve(cwd, folder));
}

export function passphraseOf({ env }: Io): string | undefined {
  return env[PASSPHRASE_VARIABLE] || undefined;
}

export function publisherOf(spec: CommandSpec, folder: string, keys: readonly string[] | undefined, io: Io): Publisher {
  return { folder: resolve(io.cwd, folder), keys: keyFolders(spec, keys, io), passphrase: passphraseOf(io) };
}

/** A whole number that is not negative; undefined stays so. */
export function countOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,4}$/.test(text)) return Number(text);
  throw new PublishError(`cannot use ${JSON.stringify(text)} for --${name}`, 'write a whole number');
}
