/** `smm-agent reconcile`: one turn, now. If a daemon runs, the daemon makes the turn, and the command shows it. */

import { type CommandSpec, parseArguments } from '../base/cli/arguments.ts';
import { EXIT } from '../base/cli/exit-codes.ts';
import { type Io, requireRoot } from '../base/cli/io.ts';
import { AgentError } from '../base/errors.ts';
import { ask } from '../daemon/socket/client.ts';
import type { End } from '../daemon/socket/protocol.ts';
import { turnResult } from '../daemon/turn-result.ts';
import { configChange } from '../observation/settings.ts';
import { requireTarget } from '../operator/target.ts';
import { configHere, planHere, reconcileHere } from '../operator/without-daemon.ts';
import { readStatus } from '../status/file.ts';
import type { Status } from '../status/status.ts';
import { readProbation } from '../versions/probation.ts';
import { daemonLife } from './daemon-life.ts';
import { explainPlan } from './plan-text.ts';
import { showTurn } from './turn-text.ts';
import { waitForUpgrade } from './upgrade-wait.ts';

export const spec = {
  name: 'reconcile',
  summary: 'make one turn now: ask the control plane, stage what is wanted, report',
  forms: ['[--dry-run | --wait]'],
  description: `Never restarts Istio. If the daemon runs, the daemon makes the turn, and this command shows it.
Otherwise this command makes the turn itself.`,
  options: {
    'dry-run': { type: 'boolean', help: 'show the plan with its reasons, and change nothing' },
    wait: {
      type: 'boolean',
      help: "wait for the end of the agent's own upgrade, if there is one: confirmed or rolled back",
    },
  },
  exitCodes: {
    [EXIT.failed]: 'the wanted Istio is neither active nor staged after the turn: the message says why',
  },
} as const satisfies CommandSpec;

export async function run(args: readonly string[], io: Io): Promise<number> {
  const { values } = parseArguments(spec, args, { min: 0, max: 0 });
  requireRoot(io, spec.name, 'the command reads the token and looks at processes');
  if (values['dry-run']) {
    const plan = await planHere(io.paths);
    const change = await daemonsChange(io);
    io.stdout.write(
      explainPlan(plan, change === null ? [] : [`${change}; the daemon still uses the configuration that it has read`]),
    );
    // Without a target the plan does not show what the next turn does.
    requireTarget(plan.target);
    return EXIT.ok;
  }
  if (!values.wait) return makeTurn(io);
  try {
    await makeTurn(io);
  } catch (error) {
    // While the daemon restarts into another version, no turn can reach what is wanted.
    if (!(error instanceof AgentError) || (await readProbation(io.paths)) === null) throw error;
    io.stdout.write(`${error.message}; waiting for the version on probation\n`);
  }
  return waitForUpgrade(io);
}

/**
 * A turn by the daemon, or by this process if no daemon runs. Rejects with SMM609 when the turn did not reach what is
 * wanted, and with SMM217 when the control plane gave no target.
 */
export async function makeTurn(io: Io): Promise<number> {
  // Throws with every problem of the file and its line: a daemon would answer with its state only.
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

/** What changed in the file since the running daemon read it; null if nothing changed, or no daemon runs. */
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
  if (!ok) throw new AgentError('SMM609', `cannot reach what is wanted: ${text}`, remedyFor(state));
  io.stdout.write(`${text}\n`);
  return EXIT.ok;
}

/** The file on disk is valid, as makeTurn has checked: a daemon that is misconfigured has not read it yet. */
function remedyFor(state: End['state']): string {
  switch (state) {
    case 'misconfigured':
      return 'run systemctl reload smm-agent: the file was corrected since it was read';
    case 'failing':
      return 'correct what the message names; a failed step waits for its next try, and smm-agent retry tries at once';
    case 'held':
      return 'smm-agent unhold ends the hold';
    default:
      return 'correct what the message names; smm-agent reconcile --dry-run shows each reason';
  }
}
