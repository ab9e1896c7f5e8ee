/**
 * The daemon's socket: a client sends one line, the daemon answers with a line of JSON for each event and ends.
 * Only root can reach it (mode 0600 in a folder of its own). Whoever answers there keeps a second agent out.
 */
import { open } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { AgentError } from '../../base/errors.ts';
import { type Clock, systemClock } from '../../host/clock.ts';
import { withFileLock } from '../../host/files/file-lock.ts';
import { connect, linesOf } from './connect.ts';
import { bind, identityOf, removeName } from './name.ts';
import type { Answer } from './protocol.ts';
import { Request } from './protocol.ts';

export interface ListenOptions {
  /** Has whoever may yield end, and waits for that; from one that does not move it takes the name. */
  takesOver?: boolean;
  clock?: Clock;
}

const TRY_MS = 50;
/** Whoever lives answers at once. */
const ANSWER_MS = 3_000;
/** A turn that is cut off ends within a second or so; systemd waits for half a minute for the start. */
const PATIENCE_MS = 15_000;

export type Serve = (request: Request, answer: (answer: Answer) => void) => Promise<void>;

/**
 * Listens. Who answers at the socket is the one agent of this root; the lock is held only while that is asked, in a file that
 * nobody else may open: another user's program that took an abstract name, or locked the folder, would keep every agent out.
 * `close` returns when everyone who has asked has an answer. Rejects with SMM505 when another agent runs under the same root.
 */
export async function listen(
  path: string,
  serve: Serve,
  { takesOver = false, clock = systemClock }: ListenOptions = {},
): Promise<{ close(): Promise<void> }> {
  const clients = new Set<Socket>();
  /** Those who have asked, until they have their answer. */
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
  /** Whom the name belongs to when it is not free; null once it is ours. `stuck` is one whose name is taken in any case. */
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
    // Another one that has taken it meanwhile, a second daemon for example, is asked anew.
    if (asked.holder !== holder) asked = { holder, sinceMs: clock.bootTimeMs() };
    if (!takesOver || !(await mayYield(path, clock))) {
      throw new AgentError('SMM505', 'cannot start: another smm-agent runs on this machine', 'use smm-agent status');
    }
    await clock.sleep(TRY_MS);
  }
  return {
    close: async () => {
      // Before it is freed: afterwards the name may be another agent's already.
      removeName(path, own);
      const closed = new Promise((resolve) => server.close(resolve));
      await Promise.all(talks);
      // A client that never asked anything, or does not read, must not keep the daemon.
      for (const client of clients) client.destroySoon();
      await closed;
    },
  };
}

/** Whether who answers there goes away by itself, now that it is asked to; one that says nothing may, or is stopped. */
async function mayYield(path: string, clock: Clock): Promise<boolean> {
  const { ask } = await import('./client.ts');
  const [late, over] = [new AbortController(), new AbortController()];
  const giveUp = () => late.abort();
  clock.sleep(ANSWER_MS, over.signal).then(giveUp, giveUp);
  try {
    const answer = await ask(path, { do: 'yield' }, () => {}, late.signal);
    return answer === null || answer.ok;
  } catch (error) {
    // It was ended before it could answer, or did not answer in time.
    if (error instanceof AgentError && error.code === 'SMM506') return true;
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
  else answer({ end: { ok: false, text: 'cannot understand the request: is this smm-agent of another version?' } });
  socket.end();
}

/** null from a client that went away before it had asked. */
async function firstLine(socket: Socket): Promise<string | null> {
  const { promise, resolve } = Promise.withResolvers<string | null>();
  const end = () => socket.destroy();
  socket.on('error', end);
  socket.once('close', () => resolve(null));
  // The reader passes errors of the socket on, for as long as that lives: one that nobody takes would end the daemon.
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
