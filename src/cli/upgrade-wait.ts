/**
 * `smm-agent reconcile --wait`: waits until an upgrade of the agent, if the turn began one, has succeeded or failed.
 */

import { EXIT } from '../base/cli/exit-codes.ts';
import type { Io } from '../base/cli/io.ts';
import { AgentError } from '../base/errors.ts';
import { type Clock, systemClock } from '../host/clock.ts';
import { readStatus } from '../status/file.ts';
import type { Status } from '../status/status.ts';
import { daemonLife } from './daemon-life.ts';

/** Long enough for a download with a new Node, and for a probation that is extended a few times. */
const PATIENCE_MS = 15 * 60_000;
const BETWEEN_MS = 1_000;
/** Two seconds after the agent has exited, systemd starts it again, if necessary in the previous version. */
const GONE_MS = 30_000;

/**
 * Resolves when no upgrade of the agent is under way any more, and prints the result. Rejects with SMM616 when the
 * wanted version does not run then, and when the upgrade is still under way after 15 minutes.
 */
export async function waitForUpgrade(io: Io, clock: Clock = systemClock): Promise<number> {
  const beganMs = clock.bootTimeMs();
  let goneMs: number | null = null;
  for (;;) {
    const status = await readStatus(io.paths);
    const life = await daemonLife(io.paths, status);
    const nowMs = clock.bootTimeMs();
    goneMs = life.is === 'down' ? (goneMs ?? nowMs) : null;
    if (goneMs !== null && nowMs - goneMs > GONE_MS) throw undecided('the agent is not running');
    if (life.is === 'idle' && status !== null && !isUnderWay(status)) return outcome(status, io);
    if (nowMs - beganMs > PATIENCE_MS) throw undecided(status?.upgrade?.reason ?? 'the agent has not given a reason');
    await clock.sleep(BETWEEN_MS);
  }
}

/**
 * Another version is in place or on probation. An upgrade that waits for a later try or for an operator is not under
 * way.
 */
function isUnderWay({ upgrade }: Status): boolean {
  return upgrade !== null && (upgrade.state === 'probation' || upgrade.installed !== upgrade.running);
}

function outcome({ upgrade }: Status, io: Io): number {
  if (upgrade === null || upgrade.wanted === null || upgrade.wanted === upgrade.running) {
    io.stdout.write(
      `smm-agent ${upgrade?.running ?? ''} runs, ${upgrade?.wanted == null ? 'and no version is wanted' : 'as wanted'}\n`,
    );
    return EXIT.ok;
  }
  const { running, wanted, state, reason } = upgrade;
  const sentence = `smm-agent ${running} runs, and ${wanted} is wanted: ${state}${reason === null ? '' : `: ${reason}`}`;
  throw new AgentError('SMM616', sentence, 'smm-agent history shows how the upgrade ended');
}

function undecided(why: string): AgentError {
  return new AgentError('SMM616', `cannot tell how the agent's upgrade ends: ${why}`, 'see smm-agent status');
}
