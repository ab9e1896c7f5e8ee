/** Reasons that several decisions share. Pure. */

import type { Observation } from '../observation/observation.ts';
import type { DecisionInput, NotDone } from './step.ts';

/** The key under which a failed adoption is noted. */
export const ADOPT_KEY = 'adopt';
/** The key under which a failed repair of /etc/hosts is noted. */
export const HOSTS_KEY = 'hosts';

export function triedBefore(key: string, attempts: DecisionInput['attempts'], now: Date): Omit<NotDone, 'step'> | null {
  const attempt = attempts.get(key);
  if (attempt === undefined || attempt.retryAt <= now) return null;
  const { reason: fact, count, retryAt, packageDigest, at } = attempt;
  const times = count === 1 ? 'once' : `${count} times`;
  const sooner = packageDigest === undefined ? '' : ', or when another package is published';
  // Say when it failed: the cause may have been corrected since.
  const then = at === undefined ? '' : `failed at ${at.toISOString()}, `;
  const again = `${then}tried ${times}, not again before ${retryAt.toISOString()}${sooner} (smm-agent retry tries at once)`;
  return { reason: `${fact}; ${again}`, fact, because: 'failed' };
}

export function blockedBy({ findings }: Extract<Observation['unitCheck'], { answer: 'blocked' }>): string {
  return `blocked: ${findings.map(({ text }) => text).join('; ')}`;
}
