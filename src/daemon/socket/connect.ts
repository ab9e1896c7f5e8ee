/** A connection to the daemon's socket, and its lines. */

import type { Socket } from 'node:net';
import { createConnection } from 'node:net';
import type { Interface } from 'node:readline';
import { AgentError } from '../../base/errors.ts';
import { hasCode } from '../../host/files/file-errors.ts';

/** Null if no process listens at the socket. Rejects with SMM506. */
export async function connect(path: string): Promise<Socket | null> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket | null>();
  const socket = createConnection(path);
  socket.once('connect', () => resolve(socket));
  socket.once('error', (error) => {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'ECONNREFUSED')) return resolve(null);
    reject(
      new AgentError('SMM506', 'cannot reach the daemon', `check ${path}, and run the command as root`, {
        cause: error,
      }),
    );
  });
  return promise;
}

/** node:readline is imported late: most daemons never get a request. */
export async function linesOf(socket: Socket): Promise<Interface> {
  const { createInterface } = await import('node:readline');
  return createInterface({ input: socket });
}
