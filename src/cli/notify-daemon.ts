/** Tells a running daemon that its configuration changed. */
import { ask } from '../agent/ask.ts';
import { describeError } from '../errors.ts';
import type { Io } from './io.ts';

/**
 * Asks the daemon of this root to reload, and says so, or says why a change will only be seen later. Never fails the
 * command: the change is on disk, and the daemon reads it at its next start in any case.
 */
export async function notifyDaemon(io: Io): Promise<void> {
  try {
    const answer = await ask(io.paths.socket, { do: 'reload' }, () => {});
    if (answer !== null) io.stdout.write('the running agent was asked to read its configuration again\n');
    // Under another root (demo, tests, images) nobody expects one to run.
    else if (io.paths.root === '/')
      io.stdout.write('the agent is not running: this takes effect when it is started (systemctl start smm-agent)\n');
  } catch (error) {
    const remedy = 'systemctl reload smm-agent';
    io.stderr.write(
      `smm-agent: cannot ask the running agent to reload: ${describeError(error)}\n  what to do: ${remedy}\n`,
    );
  }
}
