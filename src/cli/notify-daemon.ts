/** Tells a running daemon that its configuration changed. */
import { run } from '../host/programs.ts';
import type { Io } from './io.ts';

const UNIT = 'smm-agent.service';

/**
 * Asks the daemon to reload, and says so, or says why a change will only be seen later. Never fails the command: the change
 * is on disk, and the daemon reads it at its next start in any case.
 */
export async function notifyDaemon(io: Io): Promise<void> {
  // Under another root runs no daemon that the service manager of this machine knows.
  if (io.paths.root !== '/') return;
  if ((await run(['systemctl', 'is-active', '--quiet', UNIT])).status !== 0) {
    io.stdout.write('The agent is not running: this takes effect when it is started (systemctl start smm-agent).\n');
    return;
  }
  const { status, stderr } = await run(['systemctl', 'reload', UNIT]);
  if (status === 0) io.stdout.write('The running agent has been asked to reload its configuration.\n');
  else
    io.stderr.write(
      `smm-agent: cannot ask the running agent to reload: ${stderr.trim()}\n  what to do: systemctl restart smm-agent\n`,
    );
}
