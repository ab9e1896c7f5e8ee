/** The name (the path) of the daemon's socket: which socket has the name, and how another socket takes it. */
import { randomBytes } from 'node:crypto';
import { lstatSync, rmSync } from 'node:fs';
import { chmod, rename } from 'node:fs/promises';
import type { Server } from 'node:net';

/** A text that differs for each socket that has had this name; null if no socket has it. */
export function identityOf(path: string): string | null {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat === undefined ? null : `${stat.ino} ${stat.ctimeMs}`;
}

/**
 * On close, Node unlinks the path that it listened at, even if another agent's socket is there by then. So listen at a
 * temporary name and rename it. The rename also replaces, in one step, the socket of an agent that was killed or is
 * stopped.
 */
export async function bind(server: Server, path: string): Promise<void> {
  const ownName = `${path}.${randomBytes(4).toString('hex')}`;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(ownName, () => resolve());
  // The daemon exits when its loop ends, even if clients are still connected.
  server.unref();
  await promise;
  await chmod(ownName, 0o600);
  await rename(ownName, path);
}

/**
 * Removes the name if it still leads to that socket: an agent that was stopped for long may have lost the name.
 * Synchronous, so that nothing of this process runs between the check and the removal.
 */
export function removeName(path: string, identity: string | null): void {
  if (identityOf(path) === identity) rmSync(path, { force: true });
}
