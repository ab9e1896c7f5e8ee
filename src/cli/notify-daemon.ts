/** Tells a running daemon that its configuration changed, and waits for the result. */

import type { Io } from '../base/cli/io.ts';
import { AgentError, describeError } from '../base/errors.ts';
import { ask } from '../daemon/socket/client.ts';
import type { End } from '../daemon/socket/protocol.ts';
import type { TurnEvent } from '../turn/events.ts';
import { showTurn } from './turn-text.ts';

/** A turn without a download takes a second; if the control plane does not answer, up to half a minute. */
const PATIENCE_MS = 30_000;

const NOT_RUNNING = 'the agent is not running: this takes effect when it is started';

/**
 * Has the daemon of this root read its configuration again and make a turn. Prints each step and the result, so that
 * the next smm-agent status shows no older state; or prints why the daemon takes the change later. Never fails the
 * command: the change is on disk, and the daemon reads it at its next start in any case. `down`: what is printed if no
 * daemon runs.
 */
export async function notifyDaemon(
  io: Io,
  { patienceMs = PATIENCE_MS, down = NOT_RUNNING }: { patienceMs?: number; down?: string } = {},
): Promise<void> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), patienceMs);
  try {
    const answer = await ask(io.paths.socket, { do: 'reload', turn: true }, stepsOf(showTurn(io.stdout)), late.signal);
    if (answer !== null) io.stdout.write(`${result(answer)}\n`);
    // Below another root (demo, tests, images) no daemon is expected to run.
    else if (io.paths.root === '/') io.stdout.write(`${down} (systemctl start smm-agent)\n`);
  } catch (error) {
    if (late.signal.aborted && error instanceof AgentError) {
      io.stdout.write(
        `the agent is still busy after ${patienceMs / 1000} s and goes on: smm-agent status --watch shows it\n`,
      );
      return;
    }
    const remedy = 'systemctl reload smm-agent';
    io.stderr.write(
      `smm-agent: cannot ask the running agent to reload: ${describeError(error)}\n  what to do: ${remedy}\n`,
    );
  } finally {
    clearTimeout(timer);
  }
}

function result({ text, state, notRead }: End): string {
  // The text of a misconfigured agent says what is wrong.
  if (notRead === undefined || state === 'misconfigured') return `the agent has read the configuration: ${text}`;
  return `the agent cannot use the file, and continues with the configuration that it had read before (${text}): ${notRead}`;
}

/** Shows steps only: the last line, or smm-agent status, has the other events. */
function stepsOf(show: (event: TurnEvent) => void): (event: TurnEvent) => void {
  const isStep = ({ kind }: TurnEvent) => kind === 'done' || kind === 'failed' || kind === 'progress';
  return (event) => {
    if (isStep(event)) show(event);
  };
}
