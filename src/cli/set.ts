/** `smm-agent set`: what the operator wants, written to /etc/smm/agent.yaml and /etc/smm/credentials. */
import { z } from 'zod';
import { type KeyPath, keysAt, leafKeys, schemaAt } from '../config-schema.ts';
import { AgentError } from '../errors.ts';
import { nearest } from '../nearest.ts';
import { type CommandSpec, parseArguments, usageError } from './arguments.ts';
import { editConfig } from './config-edit.ts';
import type { Edit } from './document-edit.ts';
import { EXIT } from './exit-codes.ts';
import { type Io, requireRoot } from './io.ts';
import { notifyDaemon } from './notify-daemon.ts';
import { setBearerToken } from './set-bearer-token.ts';
import { setControlPlane } from './set-control-plane.ts';

export const spec = {
  name: 'set',
  summary: 'change the configuration, keeping comments and order',
  forms: [
    'workload-group <namespace> <name>',
    'control-plane <url> --ca-file <file>',
    'node-ip <address>',
    'bearer-token <token>|-',
    '<key> <value>',
    '<key> --default',
  ],
  description: `Edits /etc/smm/agent.yaml and asks a running agent to reload it. A value that would make the configuration invalid is refused,
and nothing is changed then.

control-plane copies the PEM file with the authorities to /etc/smm/credentials/ca.crt, so that the original may go.
bearer-token writes the token for the Kubernetes API to its file (controlPlane.tokenFile) with mode 0600, and never prints it;
with - it reads standard input, which keeps the token out of the shell's history and of the list of processes.
<key> is any key of the file, for example istio.allow, poll.schedule, hold or istio.env.ISTIO_META_ZONE.`,
  options: {
    'ca-file': {
      type: 'string',
      value: '<file>',
      help: 'PEM file of the authorities that may sign the API server (control-plane)',
    },
    default: { type: 'boolean', help: 'take the key out of the file, so that its default applies' },
  },
} satisfies CommandSpec;

export async function run(args: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseArguments(spec, args, { min: 1, max: 3 });
  const [what = '', ...rest] = positionals;
  requireRoot(io, 'set');
  if (values['ca-file'] !== undefined && what !== 'control-plane')
    throw usageError(spec, `cannot use --ca-file with ${what}`);
  switch (what) {
    case 'workload-group': {
      const [namespace, name] = exactly(2, what, rest);
      return edit(io, [
        { path: ['workloadGroup', 'namespace'], value: namespace },
        { path: ['workloadGroup', 'name'], value: name },
      ]);
    }
    case 'node-ip':
      return edit(io, [{ path: ['nodeIp'], value: exactly(1, what, rest)[0] }]);
    case 'bearer-token':
      await setBearerToken(exactly(1, what, rest)[0] ?? '', io);
      await notifyDaemon(io);
      return EXIT.ok;
    case 'control-plane': {
      const [url = ''] = exactly(1, what, rest);
      const { edits, beforeWrite } = await setControlPlane(url, values['ca-file'], io);
      return edit(io, edits, beforeWrite);
    }
    default: {
      const path = keyPath(what);
      if (values.default === true) {
        exactly(0, `${what} --default`, rest);
        return edit(io, [{ path, value: undefined }]);
      }
      return edit(io, [{ path, value: await valueFor(path, exactly(1, what, rest)[0] ?? '') }]);
    }
  }
}

async function edit(io: Io, edits: Edit[], beforeWrite?: () => Promise<void>): Promise<number> {
  const { changed, missing } = await editConfig(io.paths, edits, beforeWrite);
  const keys = edits.map(({ path }) => path.join('.')).join(', ');
  io.stdout.write(
    changed ? `Changed ${keys} in ${io.paths.config}.\n` : `Nothing to change: ${keys} was so already.\n`,
  );
  for (const { sentence, remedy } of missing) io.stdout.write(`Before the agent can work, ${sentence}: ${remedy}.\n`);
  await notifyDaemon(io);
  return EXIT.ok;
}

function exactly(count: number, what: string, rest: readonly string[]): readonly string[] {
  if (rest.length === count) return rest;
  throw usageError(
    spec,
    `cannot set ${what}: it takes ${count} value${count === 1 ? '' : 's'}, and ${rest.length} were given`,
  );
}

const SHORT_FORMS = ['workload-group', 'control-plane', 'node-ip', 'bearer-token'];

function keyPath(key: string): KeyPath {
  const path = key.split('.');
  const schema = path.includes('') ? null : schemaAt(path);
  if (schema === null) {
    const close = nearest(key, [...SHORT_FORMS, ...leafKeys()]);
    throw usageError(spec, `cannot find the key ${key}${close === null ? '' : ` (did you mean ${close}?)`}`);
  }
  const inner = keysAt(path);
  if (inner.length === 0) return path;
  throw usageError(
    spec,
    `cannot set ${key} as a whole: name one of ${inner.map((name) => `${key}.${name}`).join(', ')}`,
  );
}

/** Text stays text, also `true` or `1.30`; what else the schema wants is read as YAML. */
async function valueFor(path: KeyPath, text: string): Promise<unknown> {
  const schema = schemaAt(path);
  const isPlain = [z.ZodBoolean, z.ZodNumber, z.ZodRecord, z.ZodUnknown].some((kind) => schema instanceof kind);
  if (!isPlain) return text;
  const { parse } = await import('yaml');
  try {
    return parse(text, { logLevel: 'error' });
  } catch (cause) {
    throw new AgentError('SMM611', `cannot read the value of ${path.join('.')} as YAML`, 'put it in quotes', { cause });
  }
}
