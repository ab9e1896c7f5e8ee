/** The other side of the daemon's socket: a command that asks it something. The daemon itself does without. */
import { z } from 'zod';
import { AgentError } from '../errors.ts';
import { TurnEvent } from './events.ts';
import { connect, linesOf, type Request } from './socket.ts';

const Answer = z.union([
  z.object({ event: TurnEvent }),
  z.object({ end: z.object({ ok: z.boolean(), text: z.string() }) }),
]);
export type Answer = z.infer<typeof Answer>;

/**
 * Asks the daemon and passes on each event. null when no daemon runs here; rejects with SMM506 when it ends in between.
 */
export async function ask(
  path: string,
  request: Request,
  onEvent: (event: TurnEvent) => void,
): Promise<{ ok: boolean; text: string } | null> {
  const socket = await connect(path);
  if (socket === null) return null;
  socket.write(`${JSON.stringify(request)}\n`);
  for await (const line of await linesOf(socket)) {
    const message = Answer.parse(JSON.parse(line));
    if ('end' in message) return message.end;
    onEvent(message.event);
  }
  throw new AgentError('SMM506', 'cannot follow the daemon: it ended before its answer', 'see journalctl -u smm-agent');
}
