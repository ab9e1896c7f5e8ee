/** `smm-agent version`: the three versions of the agent and the three of Istio, always together. */

import { type CommandSpec, parseArguments } from '../base/cli/arguments.ts';
import { EXIT } from '../base/cli/exit-codes.ts';
import type { Io } from '../base/cli/io.ts';
import { AGENT_VERSION } from '../base/version.ts';
import { readStatus } from '../status/file.ts';
import type { Status } from '../status/status.ts';
import { isAlive } from './daemon-life.ts';

export const spec = {
  name: 'version',
  summary: 'print six versions (agent: running, installed, wanted; Istio: running, staged, wanted)',
  forms: ['[--json]'],
  description: `Prints all six versions. Those of Istio are from the last turn of the agent.
A version that is not known is printed as unknown.`,
  options: { json: { type: 'boolean', help: 'print the versions as JSON, with null for an unknown one' } },
} as const satisfies CommandSpec;

export async function run(args: readonly string[], io: Io): Promise<number> {
  const { values } = parseArguments(spec, args, { min: 0, max: 0 });
  const status = await readStatus(io.paths);
  const versions = versionsOf(status);
  if (values.json) {
    io.stdout.write(`${JSON.stringify(versions)}\n`);
    return EXIT.ok;
  }
  // A version that is absent on purpose is not "unknown": the cluster need not name one, for example.
  const nothing: Record<string, string> = {
    'agent running': 'not running',
    ...(status?.upgrade ? { 'agent wanted': 'none' } : {}),
    ...(status !== null && status.istio.active !== null ? { 'istio staged': 'nothing' } : {}),
  };
  // A move to another revision can be one of the same version.
  const revisions: Record<string, string | null | undefined> = {
    'istio running': status?.istio.running?.revision,
    'istio staged': status?.istio.staged?.revision,
    'istio wanted': status?.target.revision,
  };
  for (const [name, version] of Object.entries(versions)) {
    const revision = version === null ? null : (revisions[name] ?? null);
    const of = revision === null ? '' : ` of revision ${revision}`;
    io.stdout.write(`${name.padEnd(16)} ${version ?? nothing[name] ?? 'unknown'}${of}\n`);
  }
  return EXIT.ok;
}

function versionsOf(status: Status | null): Record<string, string | null> {
  return {
    'agent running': status !== null && isAlive(status.agent.pid) ? status.agent.version : null,
    'agent installed': AGENT_VERSION,
    'agent wanted': status?.upgrade?.wanted ?? null,
    'istio running': status?.istio.running?.istioVersion ?? null,
    'istio staged': status?.istio.staged?.istioVersion ?? null,
    'istio wanted': status?.target.istioVersion ?? null,
  };
}
