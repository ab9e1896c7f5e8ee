/**
 * Keeps signatures from expiring: a new timestamp each time, and a
 * new snapshot and new targets when theirs expire soon. For cron.
 */

import { durationMs } from '../durations.ts';
import { inRepository, type Publisher } from '../publisher.ts';
import { type Chain, signChain } from '../signing/chain.ts';
import { type OnlineRole, ROLES, type RoleName } from '../signing/roles.ts';
import { canSign } from '../signing/signatures.ts';
import { readState } from '../state.ts';
import { pendingRoots } from './draft.ts';
import { publishChain } from './publish.ts';
import { removeOld } from './sweep.ts';

export interface RefreshOptions {
  /** A role is signed again when it expires within this time. */
  within?: string;
  keepDays?: number | undefined;
}

/** With a refresh a day there are many tries before anything expires. */
export const DEFAULT_WITHIN = '14d';
/** People have to come together for a root. */
const ROOT_WITHIN_MS = 45 * 86_400_000;

export interface Refreshed {
  renewed: OnlineRole[];
  /** Roles that expire soon and could not be signed here, with the time of their expiry. */
  due: { role: RoleName; expires: string }[];
}

/** Publishes the roles that the keys at hand can sign. Rejects when they cannot even sign a timestamp. */
export async function refreshRepository(
  publisher: Publisher,
  { within = DEFAULT_WITHIN, keepDays }: RefreshOptions = {},
): Promise<Refreshed> {
  const withinMs = durationMs(within, '--within');
  return inRepository(publisher, async (session) => {
    const state = await readState(session.folder);
    const root = state.root.metadata.signed;
    const left = (role: RoleName) => Date.parse(state[role].metadata.signed.expires) - session.now.getTime();
    const soon = ROLES.filter(
      (role) => left(role) <= (role === 'root' ? Math.max(withinMs, ROOT_WITHIN_MS) : withinMs),
    );
    const renew = (['targets', 'snapshot'] as const).filter(
      (role) => soon.includes(role) && canSign(root, role, session.keys),
    );
    const also = await pendingRoots(session.folder, state.root);
    const chain: Chain = await signChain(session, state, { renew, must: [root], also });
    await publishChain(session, chain);
    await removeOld(session, keepDays);
    const renewed: OnlineRole[] = ['timestamp'];
    if (chain.snapshot !== null) renewed.unshift('snapshot');
    if (chain.targets !== null) renewed.unshift('targets');
    const due = soon.filter((role) => !(renewed as RoleName[]).includes(role));
    return { renewed, due: due.map((role) => ({ role, expires: state[role].metadata.signed.expires })) };
  });
}
