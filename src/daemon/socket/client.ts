/** The other side of the daemon's socket: a command that asks it something. The daemon itself does without. */
import { AgentError } from '../../base/errors.ts';
import type { TurnEvent } from '../../turn/events.ts';
import { connect, linesOf } from './connect.ts';
import { Answer, type End, type Request } from './protocol.ts';

/**
 * Asks the daemon and passes on each event. null when no daemon runs here; rejects with SMM506 when it ends in between, or `signal` is
 * aborted first.
 */
export async function ask(
  path: string,
  request: Request,
  onEvent: (event: TurnEvent) => void,
  signal?: AbortSignal,
): Promise<End | null> {
  const socket = await connect(path);
  if (socket === null) return null;
  const end = () => socket.destroy();
  signal?.addEventListener('abort', end, { once: true });
  // While it was connected: nobody would be told any more.
  if (signal?.aborted) end();
  socket.write(`${JSON.stringify(request)}\n`);
  const lines = await linesOf(socket);
  // A connection that breaks has no end that the reader sees by itself.
  socket.once('close', () => lines.close());
  if (socket.destroyed) lines.close();
  try {
    for await (const line of lines) {
      const message = Answer.parse(JSON.parse(line));
      if ('end' in message) return message.end;
      onEvent(message.event);
    }
  } catch (cause) {
    if (cause instanceof Error && 'syscall' in cause) throw unanswered({ cause });
    throw cause;
  } finally {
    signal?.removeEventListener('abort', end);
  }
  throw unanswered();
}

function unanswered(options?: ErrorOptions): AgentError {
  const sentence = 'cannot follow the daemon: it ended before its answer';
  return new AgentError('SMM506', sentence, 'see journalctl -u smm-agent', options);
}
