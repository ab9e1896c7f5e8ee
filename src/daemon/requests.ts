/** What commands ask of the daemon over its socket, and what each is told at the end. */
import type { Status } from '../status/status.ts';
import type { Clients } from './clients.ts';
import type { Answer, End, Request } from './socket/protocol.ts';
import type { Triggers } from './triggers.ts';
import { turnResult } from './turn-result.ts';

/** null: the turn as a whole failed. */
export function endOfTurn(status: Status | null): End {
  if (status === null) return { ok: false, text: 'the turn failed: see journalctl -u smm-agent' };
  return turnResult(status);
}

/** `isReplaced`: another version is in place of this one, and that is why it ends. */
export function endOfAgent(isReplaced: boolean): End {
  if (isReplaced) return { ok: true, text: 'the agent restarts as that version: smm-agent status says how it goes on' };
  return { ok: false, text: 'the agent was ended in the middle of it; its next start does it again' };
}

interface Asked {
  triggers: Triggers;
  clients: Clients;
  /** Ends this daemon for another one; null for the one that stays. */
  makeWay: (() => void) | null;
}

/** The end of the turn that follows, and whether the file is in effect in it. */
async function reloaded(clients: Clients, answer: (answer: Answer) => void): Promise<End> {
  const [read, end] = await Promise.all([clients.reading(), clients.turn('reload', answer)]);
  return read.ok ? end : { ...end, ok: false, notRead: read.text };
}

export async function answerClient(
  { do: wish, turn = false }: Request,
  answer: (answer: Answer) => void,
  { triggers, clients, makeWay }: Asked,
): Promise<void> {
  // Whoever waits is there before what is waited for can happen.
  const end = (): Promise<End> => {
    switch (wish) {
      case 'yield':
        makeWay?.();
        return Promise.resolve({ ok: makeWay !== null, text: 'this is the daemon' });
      case 'reload':
        return turn ? reloaded(clients, answer) : clients.reading();
      case 'reconcile':
        return clients.turn('reconcile', answer);
      case 'look':
        return clients.turn('istio', answer);
    }
  };
  const ended = end();
  if (wish !== 'yield') triggers.fire(wish === 'look' ? 'istio' : wish);
  answer({ end: await ended });
}
