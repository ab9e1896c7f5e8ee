/** `repository announce`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { type CommandSpec, parseArguments } from '../../../src/cli/arguments.ts';
import { configMapOf, requirePublished } from '../announce.ts';
import { PublishError } from '../errors.ts';
import { type Io, PROGRAM } from './command.ts';

export const spec = {
  program: PROGRAM,
  name: 'announce',
  summary: 'tell the fleet which version of the agent it is to run',
  forms: ['<version>'],
  description: `Prints the ConfigMap smm-agent, which every agent reads whose revision of Istio has none of its own, or smm-agent-<revision>; with
--apply it is applied with kubectl. The server only chooses among what agent.allow of each machine permits.`,
  options: {
    revision: { type: 'string', value: '<revision>', help: 'of Istio (default)' },
    namespace: { type: 'string', value: '<name>', help: 'of istiod (istio-system)' },
    repository: { type: 'string', value: '<url>', help: 'where the repository is published' },
    min: { type: 'string', value: '<version>', help: 'an older agent is upgraded before Istio is' },
    hold: { type: 'boolean', help: 'no agent upgrades itself' },
    from: {
      type: 'string',
      value: '<folder>',
      help: 'see first that this repository has the version and its runtimes',
    },
    apply: { type: 'boolean', help: 'apply it with kubectl' },
  },
} satisfies CommandSpec;

export async function run(args: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseArguments(spec, args, { min: 1, max: 1 });
  const [version = ''] = positionals;
  const { revision, namespace, repository, min: minVersion, hold = false } = values;
  const yaml = configMapOf({ version, revision, namespace, repository, minVersion, hold });
  if (values.from !== undefined) await requirePublished(resolve(io.cwd, values.from), version);
  if (values.apply) await apply(yaml, io);
  else io.stdout.write(yaml);
  return 0;
}

/** With the environment as it is: kubectl finds the cluster by it. */
async function apply(yaml: string, { env, stdout }: Io): Promise<void> {
  const kubectl = spawn('kubectl', ['apply', '-f', '-'], { env, stdio: ['pipe', 'pipe', 'pipe'] });
  // It may end before it has read all; its status says why.
  kubectl.stdin.on('error', () => undefined);
  kubectl.stdin.end(yaml);
  try {
    const [said, complaint, [status]] = await Promise.all([
      text(kubectl.stdout),
      text(kubectl.stderr),
      once(kubectl, 'close') as Promise<[number | null]>,
    ]);
    if (status !== 0) throw new PublishError(`cannot apply it: ${complaint.trim()}`, 'the message of kubectl says why');
    stdout.write(said);
  } catch (cause) {
    if (cause instanceof PublishError) throw cause;
    throw new PublishError('cannot run kubectl', 'install it, or apply what repository announce prints', { cause });
  }
}
