/** `smm-agent version`: all six, always together. */
import type { Status } from '../agent/status.ts';
import { readStatus } from '../agent/status-file.ts';
import { AGENT_VERSION } from '../version.ts';
import { type CommandSpec, parseArguments } from './arguments.ts';
import { EXIT } from './exit-codes.ts';
import type { Io } from './io.ts';

export const spec = {
  name: 'version',
  summary: 'the versions of the agent and of Istio: running, installed or staged, wanted',
  forms: ['[--json]'],
  description: 'Prints six versions. What is not known is said so: Istio as of the last turn of the agent.',
  options: { json: { type: 'boolean', help: 'as JSON' } },
} as const satisfies CommandSpec;

export async function run(args: readonly string[], io: Io): Promise<number> {
  const { values } = parseArguments(spec, args, { min: 0, max: 0 });
  const versions = versionsOf(await readStatus(io.paths));
  if (values.json) {
    io.stdout.write(`${JSON.stringify(versions)}\n`);
    return EXIT.ok;
  }
  for (const [name, version] of Object.entries(versions))
    io.stdout.write(`${name.padEnd(16)} ${version ?? 'unknown'}\n`);
  return EXIT.ok;
}

function versionsOf(status: Status | null): Record<string, string | null> {
  return {
    'agent running': status?.agent.version ?? null,
    'agent installed': AGENT_VERSION,
    // The agent's own upgrade is not part of this version: it wants what is installed.
    'agent wanted': AGENT_VERSION,
    'istio running': status?.istio.running?.istioVersion ?? null,
    'istio staged': (status?.istio.staged ?? status?.istio.active)?.istioVersion ?? null,
    'istio wanted': status?.target.istioVersion ?? null,
  };
}
