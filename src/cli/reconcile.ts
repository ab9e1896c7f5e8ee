/** `smm-agent reconcile`: one turn, now. Beside a running daemon it asks that one, and shows what it does. */

import { type CommandSpec, parseArguments } from '../base/cli/arguments.ts';
import { EXIT } from '../base/cli/exit-codes.ts';
import { type Io, requireRoot } from '../base/cli/io.ts';
import { AgentError } from '../base/errors.ts';
import { ask } from '../daemon/socket/client.ts';
import type { End } from '../daemon/socket/protocol.ts';
import { turnResult } from '../daemon/turn-result.ts';
import { configChange } from '../observation/settings.ts';
import { requireTarget } from '../operator/target.ts';
import { readStatus } from '../status/file.ts';
import type { Status } from '../status/status.ts';
import { daemonLife } from './daemon-life.ts';
import { showTurn } from './turn-text.ts';

export const spec = {
  name: 'reconcile',
  summary: 'make one turn now: ask the control plane, stage what is wanted, report',
  forms: ['[--dry-run | --wait]'],
  description:
    "Never restarts Istio. With a running daemon the turn is the daemon's, and this command shows it; otherwise it makes the turn itself.",
  options: {
    'dry-run': { type: 'boolean', help: 'show the plan with its reasons, and change nothing' },
    wait: {
      type: 'boolean',
      help: "wait for the end of the agent's own upgrade, if there is one: confirmed, or put back",
    },
  },
  exitCodes: {
    [EXIT.failed]: 'what is wanted here is neither active nor staged after the turn: the message says why',
  },
} as const satisfies CommandSpec;

export async function run(args: readonly string[], io: Io): Promise<number> {
  const { values } = parseArguments(spec, args, { min: 0, max: 0 });
  requireRoot(io, spec.name, 'it needs the token, and to see what runs');
  if (values['dry-run']) {
    const { planHere } = await import('../operator/without-daemon.ts');
    const { explainPlan } = await import('./plan-text.ts');
    const plan = await planHere(io.paths);
    const change = await daemonsChange(io);
    io.stdout.write(explainPlan(plan, change === null ? [] : [`${change}; the daemon plans by what it has read`]));
    // Without a target it is no plan of what is to come.
    requireTarget(plan.target);
    return EXIT.ok;
  }
  const code = await makeTurn(io);
  if (!values.wait) return code;
  const { waitForUpgrade } = await import('./upgrade-wait.ts');
  return waitForUpgrade(io);
}

/** A turn by the daemon, or by this process where none runs. Rejects with SMM609 when what is wanted here was not done, and with SMM217. */
export async function makeTurn(io: Io): Promise<number> {
  const { configHere, reconcileHere } = await import('../operator/without-daemon.ts');
  // All of what is wrong with the file, each with its line: a daemon would answer with its state only.
  await configHere(io.paths);
  const show = showTurn(io.stdout);
  const answer = await ask(io.paths.socket, { do: 'reconcile' }, show);
  if (answer === null) {
    const status = await reconcileHere(io.paths, show);
    return outcome({ ...turnResult(status), target: status.target, warnings: status.warnings }, io);
  }
  const status = await readStatus(io.paths);
  return outcome({ ...answer, target: status?.target ?? null, warnings: status?.warnings ?? [] }, io);
}

/** What a daemon that runs does not know of the file; null where none runs, or it knows all. */
async function daemonsChange({ paths }: Io): Promise<string | null> {
  const status = await readStatus(paths);
  const config = status?.config ?? null;
  return config === null || (await daemonLife(paths, status)).is === 'down' ? null : configChange(config);
}

interface Outcome extends End {
  target: Status['target'] | null;
  warnings: readonly string[];
}

function outcome({ ok, text, state, target, warnings }: Outcome, io: Io): number {
  for (const warning of warnings) io.stdout.write(`! ${warning}\n`);
  if (ok || state === 'waiting') requireTarget(target);
  if (!ok) throw new AgentError('SMM609', `cannot complete what is due: ${text}`, remedyFor(state));
  io.stdout.write(`${text}\n`);
  return EXIT.ok;
}

/** The configuration on disk is right, as was seen before: a daemon that is misconfigured has not read it yet. */
function remedyFor(state: End['state']): string {
  switch (state) {
    case 'misconfigured':
      return 'run systemctl reload smm-agent: the file was corrected since it was read';
    case 'failing':
      return 'put right what the message names; a step that failed waits for its next try, and smm-agent retry tries at once';
    case 'held':
      return 'smm-agent unhold ends it';
    default:
      return 'put right what the message names; smm-agent reconcile --dry-run shows each reason';
  }
}
