/** `smm-agent reconcile --wait`: after a turn that may have begun an upgrade of the agent, until that is decided. */

import { EXIT } from '../base/cli/exit-codes.ts';
import type { Io } from '../base/cli/io.ts';
import { AgentError } from '../base/errors.ts';
import { type Clock, systemClock } from '../host/clock.ts';
import { readStatus } from '../status/file.ts';
import type { Status } from '../status/status.ts';
import { daemonLife } from './daemon-life.ts';

/** A download with a new Node, and a probation that is extended a few times. */
const PATIENCE_MS = 15 * 60_000;
const BETWEEN_MS = 1_000;
/** systemd starts an agent that has ended after two seconds, in the last resort the version before. */
const GONE_MS = 30_000;

/**
 * Resolves once nothing of the agent's own version is under way, with what came of it on stdout. Rejects with SMM616 when the version that is
 * wanted does not run then, and when that is not decided in time.
 */
export async function waitForUpgrade(io: Io, clock: Clock = systemClock): Promise<number> {
  const beganMs = clock.bootTimeMs();
  let goneMs: number | null = null;
  for (;;) {
    const status = await readStatus(io.paths);
    const life = await daemonLife(io.paths, status);
    const nowMs = clock.bootTimeMs();
    goneMs = life.is === 'down' ? (goneMs ?? nowMs) : null;
    if (goneMs !== null && nowMs - goneMs > GONE_MS) throw undecided('the agent does not run');
    if (life.is === 'idle' && status !== null && !isUnderWay(status)) return outcome(status, io);
    if (nowMs - beganMs > PATIENCE_MS) throw undecided(status?.upgrade?.reason ?? 'the agent has not said');
    await clock.sleep(BETWEEN_MS);
  }
}

/** Another version is in place, or on probation; what waits for a later try or for somebody is not. */
function isUnderWay({ upgrade }: Status): boolean {
  return upgrade !== null && (upgrade.state === 'probation' || upgrade.installed !== upgrade.running);
}

function outcome({ upgrade }: Status, io: Io): number {
  if (upgrade === null || upgrade.wanted === null || upgrade.wanted === upgrade.running) {
    io.stdout.write(
      `smm-agent ${upgrade?.running ?? ''} runs, ${upgrade?.wanted == null ? 'and no version is asked for' : 'as is wanted'}\n`,
    );
    return EXIT.ok;
  }
  const { running, wanted, state, reason } = upgrade;
  const sentence = `smm-agent ${running} runs, and ${wanted} is wanted: ${state}${reason === null ? '' : `: ${reason}`}`;
  throw new AgentError('SMM616', sentence, 'smm-agent history says what became of it');
}

function undecided(why: string): AgentError {
  return new AgentError('SMM616', `cannot tell what becomes of the agent's upgrade: ${why}`, 'see smm-agent status');
}
