/** A connection to the daemon's socket, and its lines. */

import type { Socket } from 'node:net';
import { createConnection } from 'node:net';
import type { Interface } from 'node:readline';
import { AgentError } from '../../base/errors.ts';
import { hasCode } from '../../host/files/file-errors.ts';

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

/** Imported late: most daemons are never asked anything. */
export async function linesOf(socket: Socket): Promise<Interface> {
  const { createInterface } = await import('node:readline');
  return createInterface({ input: socket });
}
