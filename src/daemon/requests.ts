/** Requests of commands over the daemon's socket, and their answers. */
import type { Status } from '../status/status.ts';
import type { Clients } from './clients.ts';
import type { Answer, End, Request } from './socket/protocol.ts';
import type { Triggers } from './triggers.ts';
import { turnResult } from './turn-result.ts';

/** `status` is null if the turn failed as a whole. */
export function endOfTurn(status: Status | null): End {
  if (status === null) return { ok: false, text: 'the turn failed: see journalctl -u smm-agent' };
  return turnResult(status);
}

/** `isReplaced`: the agent ends because it restarts into another version. */
export function endOfAgent(isReplaced: boolean): End {
  if (isReplaced)
    return { ok: true, text: 'the agent is restarting into the new version; follow it with smm-agent status' };
  return { ok: false, text: 'the agent was stopped before it finished; it tries again when it starts' };
}

interface Asked {
  triggers: Triggers;
  clients: Clients;
  /** Ends this daemon, so that the service can start; null for the service itself. */
  makeWay: (() => void) | null;
}

/** The end of the turn that follows, and whether the file is in effect in it. */
async function reloaded(clients: Clients, answer: (answer: Answer) => void): Promise<End> {
  const [read, end] = await Promise.all([clients.reading(), clients.turn('reload', answer)]);
  return read.ok ? end : { ...end, ok: false, notRead: read.text };
}

export async function answerClient(
  { do: request, turn = false }: Request,
  answer: (answer: Answer) => void,
  { triggers, clients, makeWay }: Asked,
): Promise<void> {
  // First add the client, then fire the trigger: otherwise the turn could begin without the client.
  const end = (): Promise<End> => {
    switch (request) {
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
  if (request !== 'yield') triggers.fire(request === 'look' ? 'istio' : request);
  answer({ end: await ended });
}
