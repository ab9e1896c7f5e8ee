/** `smm-agent set`: writes an operator's settings to /etc/smm/agent.yaml and /etc/smm/credentials. */

import { parse } from 'yaml';
import { z } from 'zod';
import { type CommandSpec, parseArguments, usageError } from '../base/cli/arguments.ts';
import { EXIT } from '../base/cli/exit-codes.ts';
import { type Io, requireRoot } from '../base/cli/io.ts';
import { AgentError } from '../base/errors.ts';
import { nearest } from '../base/nearest.ts';
import type { Edit } from '../config/edit/document.ts';
import { editConfig, keysBeside, tellWhatIsLeft } from '../config/edit/edit.ts';
import { setEmergencyHold } from '../config/emergency-hold.ts';
import { type KeyPath, keysAt, leafKeys, schemaAt } from '../config/keys.ts';
import { notifyDaemon } from './notify-daemon.ts';
import { setBearerToken, warnOfOtherGroup } from './set-bearer-token.ts';
import { setControlPlane } from './set-control-plane.ts';

export const spec = {
  name: 'set',
  summary: 'change the configuration, and keep its comments and order',
  forms: [
    'workload-group <namespace> <name>',
    'control-plane <url> --ca-file <file>',
    'node-ip <address>',
    'bearer-token <token>|-',
    '<key> <value>',
    '<key> --default',
  ],
  description: `Edits /etc/smm/agent.yaml and asks a running agent to reload it. A value that would make the configuration
invalid is refused, and then nothing is changed.

control-plane copies the PEM file with the authorities to /etc/smm/credentials/ca.crt, so the original may be deleted.
bearer-token writes the token for the Kubernetes API to its file (controlPlane.tokenFile) with mode 0600, and never
prints it. With - it reads standard input, which keeps the token out of the shell's history and the process list.
<key> is any key of the file, for example istio.allow, poll.schedule, hold or istio.env.ISTIO_META_ZONE.`,
  options: {
    'ca-file': {
      type: 'string',
      value: '<file>',
      help: 'PEM file of the authorities that may sign the API server (control-plane)',
    },
    default: { type: 'boolean', help: 'remove the key from the file, so that its default applies' },
  },
} satisfies CommandSpec;

export async function run(args: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseArguments(spec, args, { min: 1, max: 3 });
  const [what = '', ...rest] = positionals;
  if (values['ca-file'] !== undefined && what !== 'control-plane')
    throw usageError(spec, `cannot use --ca-file with ${what}`);
  // Check the arguments before root: otherwise an operator becomes root only to read that an argument is wrong.
  const path = WITH_FORMS.includes(what) ? null : keyPath(ALIASES[what] ?? what);
  const isDefault = values.default === true;
  if (isDefault && path === null) throw usageError(spec, `cannot use --default with ${what}`);
  exactly(isDefault ? 0 : what === 'workload-group' ? 2 : 1, isDefault ? `${what} --default` : what, rest);
  requireRoot(io, spec.name);
  const [first = '', second] = rest;
  if (path !== null) return edit(io, [{ path, value: isDefault ? undefined : await valueFor(path, first) }]);
  switch (what) {
    case 'control-plane': {
      const { edits, beforeWrite } = await setControlPlane(first, values['ca-file'], io);
      return edit(io, edits, beforeWrite);
    }
    case 'bearer-token':
      await setBearerToken(first, io);
      await notifyDaemon(io);
      return EXIT.ok;
    default:
      return edit(io, [
        { path: ['workloadGroup', 'namespace'], value: first },
        { path: ['workloadGroup', 'name'], value: second },
      ]);
  }
}

async function edit(io: Io, edits: Edit[], beforeWrite?: () => Promise<void>): Promise<number> {
  const { changed, left } = await editConfig(io.paths, edits, beforeWrite);
  // Name only the keys that the operator gave: `set control-plane` also removes caFile, so that its default applies.
  const asked = edits.some(({ value }) => value !== undefined)
    ? edits.filter(({ value }) => value !== undefined)
    : edits;
  const keys = asked.map(({ path }) => path.join('.')).join(', ');
  const isRemoved = edits.every(({ value }) => value === undefined);
  const same = async () => (isRemoved ? await notInFile(io, asked) : `${keys} already has this value`);
  if (changed) io.stdout.write(`changed ${keys} in ${io.paths.config}\n`);
  // The file beside it was written, and said so.
  else if (beforeWrite === undefined) io.stdout.write(`unchanged: ${await same()}\n`);
  tellWhatIsLeft(left, io);
  if (keys === 'hold') {
    // What the file says counts from now on, unless the daemon cannot take the file yet.
    await setEmergencyHold(io.paths, left.length > 0 && asked.some(({ value }) => value === true));
  }
  if (keys.includes('workloadGroup')) await warnOfOtherGroup(io);
  await notifyDaemon(io);
  return EXIT.ok;
}

/**
 * Any name is valid below istio.env, so a typing error there is not an unknown key: name the nearest key of the file.
 */
async function notInFile({ paths }: Io, edits: readonly Edit[]): Promise<string> {
  const sentences = edits.map(async ({ path }) => {
    const close = nearest(path.at(-1) ?? '', await keysBeside(paths, path));
    const meant = close === null ? '' : ` (did you mean ${[...path.slice(0, -1), close].join('.')}?)`;
    return `${path.join('.')} is not in ${paths.config}${meant}`;
  });
  return (await Promise.all(sentences)).join(', ');
}

function exactly(count: number, what: string, rest: readonly string[]): void {
  if (rest.length === count) return;
  throw usageError(spec, `cannot set ${what}: it takes ${count} value${count === 1 ? '' : 's'}, not ${rest.length}`);
}

/** Names that are not one key with one value. */
const WITH_FORMS = ['workload-group', 'control-plane', 'bearer-token'];
const ALIASES: Record<string, string> = { 'node-ip': 'nodeIp' };

function keyPath(key: string): KeyPath {
  const path = key.split('.');
  const schema = path.includes('') ? null : schemaAt(path);
  if (schema === null) {
    const close = nearest(key, [...WITH_FORMS, 'node-ip', ...leafKeys()]);
    throw usageError(spec, `cannot find the key ${key}${close === null ? '' : ` (did you mean ${close}?)`}`);
  }
  const inner = keysAt(path);
  if (inner.length === 0) return path;
  throw usageError(
    spec,
    `cannot set ${key} as a whole: name one of ${inner.map((name) => `${key}.${name}`).join(', ')}`,
  );
}

/** A key of type text takes the value as text, also `true` or `1.30`; for other types the value is read as YAML. */
async function valueFor(path: KeyPath, text: string): Promise<unknown> {
  const schema = schemaAt(path);
  const isPlain = [z.ZodBoolean, z.ZodNumber, z.ZodRecord, z.ZodUnknown].some((kind) => schema instanceof kind);
  if (!isPlain) return text;
  try {
    return parse(text, { logLevel: 'error' });
  } catch (cause) {
    const key = path.join('.');
    const remedy = `put the value in two pairs of quotes: smm-agent set ${key} '"<value>"'`;
    throw new AgentError('SMM611', `cannot read the value of ${key} as YAML`, remedy, { cause });
  }
}
