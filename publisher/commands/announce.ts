/** `repository announce`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { type CommandSpec, parseArguments } from '../../src/base/cli/arguments.ts';
import { type PackageDigests, parseDigests } from '../../src/control-plane/target/package-digests.ts';
import type { TargetArchitecture } from '../../src/downloads/targets.ts';
import { PublishError } from '../errors.ts';
import { type Announcement, configMapName, configMapOf, requirePublished } from '../operations/announce.ts';
import { digestsOf } from '../targets/istio-digests.ts';
import { type Io, PROGRAM } from './command.ts';

export const spec = {
  program: PROGRAM,
  name: 'announce',
  summary: 'tell the fleet which version of the agent to run',
  forms: ['<version>'],
  description: `Prints the ConfigMap smm-agent, or smm-agent-<revision> for one revision of Istio. An agent reads smm-agent when its
revision has no ConfigMap of its own. With --apply, kubectl applies it. A machine accepts only versions within its own
agent.allow.

With --istio machines take only these packages of Istio from their mirrors (istioDigests): name all of them. Without
--istio, --apply keeps the pins that the ConfigMap has.`,
  options: {
    revision: { type: 'string', value: '<revision>', help: 'of Istio (default)' },
    namespace: { type: 'string', value: '<name>', help: 'of istiod (istio-system)' },
    repository: { type: 'string', value: '<url>', help: 'where the repository is published' },
    min: { type: 'string', value: '<version>', help: 'an older agent is upgraded before it stages Istio' },
    hold: { type: 'boolean', help: 'no agent upgrades itself' },
    from: {
      type: 'string',
      value: '<folder>',
      help: 'check first that this repository has the version and its runtimes',
    },
    arch: { type: 'string', multiple: true, value: '<name>', help: 'of the fleet, for --from (amd64 and arm64)' },
    istio: {
      type: 'string',
      multiple: true,
      value: '<file>',
      help: 'pin packages of Istio: a package, or a list with a line "<version> <architecture> <SHA-256>" for each',
    },
    unpin: { type: 'boolean', help: 'with --apply, remove the pins of Istio packages' },
    apply: { type: 'boolean', help: 'apply it with kubectl' },
  },
} satisfies CommandSpec;

export async function run(args: readonly string[], io: Io): Promise<number> {
  const { values, positionals } = parseArguments(spec, args, { min: 1, max: 1 });
  const [version = ''] = positionals;
  const { revision, namespace, repository, min: minVersion, hold = false } = values;
  const files = (values.istio ?? []).map((file) => resolve(io.cwd, file));
  const given = files.length === 0 ? null : await digestsOf(files);
  const announcement = { version, revision, namespace, repository, minVersion, hold };
  // Made first, so that wrong arguments fail before the cluster is asked.
  const yaml = configMapOf({ ...announcement, istioDigests: given });
  const architectures = (values.arch ?? ['amd64', 'arm64']).map(requireArchitecture);
  if (values.from !== undefined) await requirePublished(resolve(io.cwd, values.from), version, architectures);
  if (!values.apply) {
    io.stdout.write(yaml);
    return 0;
  }
  const kept = given === null && !values.unpin ? await pinnedNow(announcement, io) : null;
  const whole = kept === null ? yaml : configMapOf({ ...announcement, istioDigests: kept });
  io.stdout.write(await kubectl(['apply', '-f', '-'], whole, io));
  return 0;
}

function requireArchitecture(name: string): TargetArchitecture {
  if (name === 'amd64' || name === 'arm64') return name;
  throw new PublishError(`cannot announce for ${JSON.stringify(name)}`, 'agents run on amd64 and arm64');
}

/**
 * kubectl apply removes keys that its input lacks: an announcement of a version, or a hold, must not remove the pins.
 */
async function pinnedNow(announcement: Announcement, io: Io): Promise<PackageDigests | null> {
  const { name, namespace } = configMapName(announcement);
  const path = ['--namespace', namespace, '--ignore-not-found', '--output', 'jsonpath={.data.istioDigests}'];
  const pinned = await kubectl(['get', 'configmap', name, ...path], '', io);
  if (pinned.trim() === '') return null;
  const digests = parseDigests(pinned);
  if (!('problem' in digests)) return digests;
  throw new PublishError(
    `cannot keep istioDigests of ConfigMap ${name}: ${digests.problem}`,
    'name the packages with --istio, or say --unpin',
  );
}

/** Runs kubectl in our environment, by which it finds the cluster. Returns its output. */
async function kubectl(args: readonly string[], input: string, { env }: Io): Promise<string> {
  const program = spawn('kubectl', args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
  // It may end before it has read everything; its status says why.
  program.stdin.on('error', () => undefined);
  program.stdin.end(input);
  try {
    const [said, complaint, [status]] = await Promise.all([
      text(program.stdout),
      text(program.stderr),
      once(program, 'close') as Promise<[number | null]>,
    ]);
    if (status !== 0) {
      const remedy = 'put right what the message of kubectl names, and announce again';
      throw new PublishError(`cannot apply it: ${complaint.trim()}`, remedy);
    }
    return said;
  } catch (cause) {
    if (cause instanceof PublishError) throw cause;
    throw new PublishError('cannot run kubectl', 'install it, or apply the output of repository announce', { cause });
  }
}
