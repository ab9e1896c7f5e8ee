/** The client's side of the daemon's socket, for commands. The daemon does not load this file at its start. */
import { AgentError } from '../../base/errors.ts';
import type { TurnEvent } from '../../turn/events.ts';
import { connect, linesOf } from './connect.ts';
import { Answer, type End, type Request } from './protocol.ts';

/**
 * Sends a request to the daemon, and passes on each event. Null if no daemon runs here. Rejects with SMM506 if the
 * daemon exits before its answer, or if `signal` is aborted.
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
  // An abort during connect() does not fire the listener above.
  if (signal?.aborted) end();
  socket.write(`${JSON.stringify(request)}\n`);
  const lines = await linesOf(socket);
  // If the connection breaks, the reader does not end by itself.
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
  const sentence = 'cannot follow the daemon: it stopped before it answered';
  return new AgentError('SMM506', sentence, 'see journalctl -u smm-agent', options);
}
