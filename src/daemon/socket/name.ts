/** The name of the daemon's socket: which socket has it, and how one gets it in the place of another. */
import { randomBytes } from 'node:crypto';
import { lstatSync, rmSync } from 'node:fs';
import { chmod, rename } from 'node:fs/promises';
import type { Server } from 'node:net';

/** Tells a socket from every other one that has had its name; null where there is none. */
export function identityOf(path: string): string | null {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat === undefined ? null : `${stat.ino} ${stat.ctimeMs}`;
}

/**
 * Under a name of its own first: Node takes away, when it closes, whatever has the name that it listened at, also what another agent has
 * put there. And so it takes the place of one that was left behind, by an agent that was killed or is stopped, in one step.
 */
export async function bind(server: Server, path: string): Promise<void> {
  const ownName = `${path}.${randomBytes(4).toString('hex')}`;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(ownName, () => resolve());
  // The daemon ends when its loop ends, whoever is still connected.
  server.unref();
  await promise;
  await chmod(ownName, 0o600);
  await rename(ownName, path);
}

/** Takes the name away where it still leads to that socket: who was stopped for long may have lost it. Nothing else happens in between. */
export function removeName(path: string, identity: string | null): void {
  if (identityOf(path) === identity) rmSync(path, { force: true });
}
