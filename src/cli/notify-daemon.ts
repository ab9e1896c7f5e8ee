/** Tells a running daemon that its configuration changed, and waits for what it makes of that. */

import type { Io } from '../base/cli/io.ts';
import { AgentError, describeError } from '../base/errors.ts';
import { ask } from '../daemon/socket/client.ts';
import type { End } from '../daemon/socket/protocol.ts';
import type { TurnEvent } from '../turn/events.ts';
import { showTurn } from './turn-text.ts';

/** A turn without a download takes a second; one with a control plane that does not answer up to half a minute. */
const PATIENCE_MS = 30_000;

const NOT_RUNNING = 'the agent is not running: this takes effect when it is started';

/**
 * Has the daemon of this root read its configuration again and make a turn; prints what was done, and the last line, so that whoever
 * looks next finds no older state. Or says why a change will only be seen later. Never fails the command: the change is on disk, and the
 * daemon reads it at its next start in any case. `down`: what is said where none runs.
 */
export async function notifyDaemon(
  io: Io,
  { patienceMs = PATIENCE_MS, down = NOT_RUNNING }: { patienceMs?: number; down?: string } = {},
): Promise<void> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), patienceMs);
  try {
    const answer = await ask(io.paths.socket, { do: 'reload', turn: true }, deedsOf(showTurn(io.stdout)), late.signal);
    if (answer !== null) io.stdout.write(`${whatCameOfIt(answer)}\n`);
    // Under another root (demo, tests, images) nobody expects one to run.
    else if (io.paths.root === '/') io.stdout.write(`${down} (systemctl start smm-agent)\n`);
  } catch (error) {
    if (late.signal.aborted && error instanceof AgentError) {
      io.stdout.write(
        `the agent is at it for ${patienceMs / 1000} s, and goes on: smm-agent status --watch shows it\n`,
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

function whatCameOfIt({ text, state, notRead }: End): string {
  // The text of a misconfigured agent says what is wrong.
  if (notRead === undefined || state === 'misconfigured') return `the agent has read it: ${text}`;
  return `the agent cannot use the file, and goes on with what it had read before (${text}): ${notRead}`;
}

/** What was learnt on the way is in the last line, or in smm-agent status. */
function deedsOf(show: (event: TurnEvent) => void): (event: TurnEvent) => void {
  const isDeed = ({ kind }: TurnEvent) => kind === 'done' || kind === 'failed' || kind === 'progress';
  return (event) => {
    if (isDeed(event)) show(event);
  };
}
