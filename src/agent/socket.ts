/**
 * The daemon's socket: a client sends one line, the daemon answers with a line of JSON for each event and ends.
 * Only root can reach it (mode 0600 in a folder of its own). Whoever answers there keeps a second agent out.
 */
import { chmod, open, rm } from 'node:fs/promises';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import type { Interface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { AgentError } from '../errors.ts';
import { hasCode } from '../host/file-errors.ts';
import { withFileLock } from '../host/file-lock.ts';
import type { Answer } from './ask.ts';

export const Request = z.object({
  /** `yield`: a daemon starts; whoever makes a single turn meanwhile is to leave it to that one. */
  do: z.enum(['reconcile', 'reload', 'yield']),
});
export type Request = z.infer<typeof Request>;

export interface ListenOptions {
  /** Has a command's turn ended, and waits for that, before it gives up. */
  takesOver?: boolean;
}

const TRY_MS = 50;
/** A turn that is cut off ends within a second or so; systemd waits for half a minute for the start. */
const MOST_TRIES = 20_000 / TRY_MS;

export type Serve = (request: Request, answer: (answer: Answer) => void) => Promise<void>;

/**
 * Listens. Who answers at the socket is the one agent of this root; the lock is held only while that is asked, in a file that
 * nobody else may open: another user's program that took an abstract name, or locked the folder, would keep every agent out.
 * `close` returns when everyone who has asked has an answer. Rejects with SMM505 when another agent runs under the same root.
 */
export async function listen(
  path: string,
  serve: Serve,
  { takesOver = false }: ListenOptions = {},
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
  const bindIfFree = () =>
    withFileLock(lock, async () => {
      const socket = await connect(path);
      socket?.destroy();
      if (socket !== null) return false;
      // Left behind by an agent that was killed.
      await rm(path, { force: true });
      await bind(server, path);
      await chmod(path, 0o600);
      return true;
    });
  for (let tries = 1; !(await bindIfFree()); tries += 1) {
    const mayWait = takesOver && tries < MOST_TRIES && (await yields(path));
    if (!mayWait) {
      throw new AgentError('SMM505', 'cannot start: another smm-agent runs on this machine', 'use smm-agent status');
    }
    await delay(TRY_MS);
  }
  return {
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      await Promise.all(talks);
      // A client that never asked anything, or does not read, must not keep the daemon.
      for (const client of clients) client.destroySoon();
      // It takes the socket's name away before it frees it: afterwards the name may be another agent's already.
      await closed;
    },
  };
}

function bind(server: Server, path: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(path, () => resolve());
  // The daemon ends when its loop ends, whoever is still connected.
  server.unref();
  return promise;
}

/** null when nobody answers at the socket. Rejects with SMM506. */
export async function connect(path: string): Promise<Socket | null> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket | null>();
  const socket = createConnection(path);
  socket.once('connect', () => resolve(socket));
  socket.once('error', (error) => {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'ECONNREFUSED')) return resolve(null);
    reject(new AgentError('SMM506', 'cannot reach the daemon', `look at ${path}: are you root?`, { cause: error }));
  });
  return promise;
}

/** Whether who answers there goes away by itself, now that it is asked to. */
async function yields(path: string): Promise<boolean> {
  const { ask } = await import('./ask.ts');
  const answer = await ask(path, { do: 'yield' }, () => {});
  return answer === null || answer.ok;
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

/** Imported late: most daemons are never asked anything. */
export async function linesOf(socket: Socket): Promise<Interface> {
  const { createInterface } = await import('node:readline');
  return createInterface({ input: socket });
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    return error;
  }
}
