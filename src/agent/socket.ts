/**
 * The daemon's socket: a client sends one line, the daemon answers with a line of JSON for each event and ends.
 * Only root can reach it (mode 0600 in a folder of its own). Its existence is also what keeps a second agent out.
 */
import { chmod, rm } from 'node:fs/promises';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { AgentError } from '../errors.ts';
import { TurnEvent } from './events.ts';

export const Request = z.object({ do: z.enum(['reconcile', 'reload']) });
export type Request = z.infer<typeof Request>;

export const Answer = z.union([
  z.object({ event: TurnEvent }),
  z.object({ end: z.object({ ok: z.boolean(), text: z.string() }) }),
]);
export type Answer = z.infer<typeof Answer>;

export type Serve = (request: Request, answer: (answer: Answer) => void) => Promise<void>;

/**
 * Listens. An abstract socket, which the kernel drops with its process, is the lock that no crash leaves behind.
 * Rejects with SMM505 when another agent runs under the same root.
 */
export async function listen(path: string, serve: Serve): Promise<{ close(): Promise<void> }> {
  const lock = createServer();
  await bind(lock, `\0smm-agent${path}`).catch((cause: unknown) => {
    throw new AgentError('SMM505', 'cannot start: another smm-agent runs on this machine', 'use smm-agent status', {
      cause,
    });
  });
  await rm(path, { force: true });
  const server = createServer((socket) => void converse(socket, serve));
  await bind(server, path);
  await chmod(path, 0o600);
  return {
    close: async () => {
      await Promise.all([lock, server].map((each) => new Promise((resolve) => each.close(resolve))));
      await rm(path, { force: true });
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

async function converse(socket: Socket, serve: Serve): Promise<void> {
  // A client that went away needs no answer; the turn that it asked for goes on.
  socket.on('error', () => socket.destroy());
  const answer = (message: Answer) => {
    if (!socket.destroyed) socket.write(`${JSON.stringify(message)}\n`);
  };
  const lines = createInterface({ input: socket });
  for await (const line of lines) {
    const request = Request.safeParse(parse(line));
    if (request.success) await serve(request.data, answer);
    else answer({ end: { ok: false, text: 'cannot understand the request: is this smm-agent of another version?' } });
    break;
  }
  socket.end();
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    return error;
  }
}

/**
 * Asks the daemon and passes on each event. null when no daemon runs here; rejects with SMM506 when it ends in between.
 */
export async function ask(
  path: string,
  request: Request,
  onEvent: (event: TurnEvent) => void,
): Promise<{ ok: boolean; text: string } | null> {
  const socket = createConnection(path);
  const connected = await new Promise<boolean>((resolve, reject) => {
    socket.once('connect', () => resolve(true));
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') resolve(false);
      else
        reject(new AgentError('SMM506', 'cannot reach the daemon', `look at ${path}: are you root?`, { cause: error }));
    });
  });
  if (!connected) return null;
  socket.write(`${JSON.stringify(request)}\n`);
  for await (const line of createInterface({ input: socket })) {
    const message = Answer.parse(JSON.parse(line));
    if ('end' in message) return message.end;
    onEvent(message.event);
  }
  throw new AgentError('SMM506', 'cannot follow the daemon: it ended before its answer', 'see journalctl -u smm-agent');
}
