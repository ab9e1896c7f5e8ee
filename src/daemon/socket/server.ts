/**
 * The daemon's socket: a client sends one line, the daemon answers with a line of JSON for each event and closes. Only
 * root can connect (mode 0600 in a folder of its own). An agent that answers there prevents the start of a second
 * agent.
 */
import { open } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { AgentError, isAgentError } from '../../base/errors.ts';
import { type Clock, systemClock } from '../../host/clock.ts';
import { withFileLock } from '../../host/files/file-lock.ts';
import { connect, linesOf } from './connect.ts';
import { bind, identityOf, removeName } from './name.ts';
import type { Answer } from './protocol.ts';
import { Request } from './protocol.ts';

export interface ListenOptions {
  /** Asks a yielding holder of the name to exit, and waits; takes the name from a holder that does not react. */
  takesOver?: boolean;
  clock?: Clock;
}

const TRY_MS = 50;
/** A running agent answers at once. */
const ANSWER_MS = 3_000;
/** A turn that is cut off ends within a second or so. systemd waits half a minute for the start. */
const PATIENCE_MS = 15_000;

export type Serve = (request: Request, answer: (answer: Answer) => void) => Promise<void>;

/**
 * Listens. Only one agent of this root may answer at the socket; a lock is held during the check. The lock is a file
 * that only root may open: with an abstract socket or a lock on the folder, another user's program could keep every
 * agent from starting. `close` returns when every client has its answer. Rejects with SMM505 when another agent runs
 * under the same root.
 */
export async function listen(
  path: string,
  serve: Serve,
  { takesOver = false, clock = systemClock }: ListenOptions = {},
): Promise<{ close(): Promise<void> }> {
  const clients = new Set<Socket>();
  /** Requests without an answer yet. */
  const talks = new Set<Promise<void>>();
  const server = createServer(async (socket) => {
    clients.add(socket);
    socket.once('close', () => clients.delete(socket));
    const line = await firstLine(socket);
    if (line === null) {
      socket.destroy();
      return;
    }
    const talk = converse(line, socket, serve);
    talks.add(talk);
    await talk;
    talks.delete(talk);
  });
  const lock = `${path}.lock`;
  await (await open(lock, 'a', 0o600)).close();
  let own: string | null = null;
  /**
   * Null once the name is ours, otherwise the holder of the name. The name is taken from the holder `stuck` in any
   * case.
   */
  const bindUnlessHeld = (stuck: string | null) =>
    withFileLock(lock, async () => {
      const socket = await connect(path);
      socket?.destroy();
      const holder = socket === null ? null : identityOf(path);
      if (holder !== null && holder !== stuck) return holder;
      await bind(server, path);
      own = identityOf(path);
      return null;
    });
  let asked = { holder: '', sinceMs: Number.POSITIVE_INFINITY };
  for (;;) {
    const isStuck = clock.bootTimeMs() - asked.sinceMs >= PATIENCE_MS;
    const holder = await bindUnlessHeld(isStuck ? asked.holder : null);
    if (holder === null) break;
    // If another process has taken the name meanwhile, for example a second daemon, ask that one as well.
    if (asked.holder !== holder) asked = { holder, sinceMs: clock.bootTimeMs() };
    if (!takesOver || !(await mayYield(path, clock))) {
      throw new AgentError('SMM505', 'cannot start: another smm-agent runs on this machine', 'see smm-agent status');
    }
    await clock.sleep(TRY_MS);
  }
  return {
    close: async () => {
      // Remove the name before the socket closes: afterwards another agent may have it.
      removeName(path, own);
      const closed = new Promise((resolve) => server.close(resolve));
      await Promise.all(talks);
      // A client that sends no request, or does not read, must not delay the end of the daemon.
      for (const client of clients) client.destroySoon();
      await closed;
    },
  };
}

/** Asks the other agent to exit. True if it agrees, or does not answer (it may be stopped by SIGSTOP). */
async function mayYield(path: string, clock: Clock): Promise<boolean> {
  const { ask } = await import('./client.ts');
  const [late, over] = [new AbortController(), new AbortController()];
  const giveUp = () => late.abort();
  clock.sleep(ANSWER_MS, over.signal).then(giveUp, giveUp);
  try {
    const answer = await ask(path, { do: 'yield' }, () => {}, late.signal);
    return answer === null || answer.ok;
  } catch (error) {
    // The other agent exited before it answered, or did not answer in time.
    if (isAgentError(error, 'SMM506')) return true;
    throw error;
  } finally {
    over.abort();
  }
}

async function converse(line: string, socket: Socket, serve: Serve): Promise<void> {
  const answer = (message: Answer) => {
    // A client that went away needs no answer; the turn that it asked for goes on.
    if (socket.writable) socket.write(`${JSON.stringify(message)}\n`);
  };
  const request = Request.safeParse(parse(line));
  if (request.success) await serve(request.data, answer);
  else
    answer({
      end: {
        ok: false,
        text: 'cannot understand the request: use the smm-agent command of the same version as the daemon',
      },
    });
  socket.end();
}

/** Null if the client went away before it sent a request. */
async function firstLine(socket: Socket): Promise<string | null> {
  const { promise, resolve } = Promise.withResolvers<string | null>();
  const end = () => socket.destroy();
  socket.on('error', end);
  socket.once('close', () => resolve(null));
  // The reader passes on errors of the socket as long as the socket lives: an unhandled one would end the daemon.
  (await linesOf(socket)).once('line', resolve).on('error', end);
  return promise;
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    return error;
  }
}
