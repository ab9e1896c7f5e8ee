/**
 * Where built parts are kept, outside of the checkout: they take minutes to build and depend on nothing but their
 * pinned inputs. A part counts once its folder has its final name; a build that was cut off leaves only a folder in
 * tmp/, swept by the next run.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { withLock } from '../host/lock.ts';
import { identify } from '../host/process-identity.ts';
import { timed } from '../say.ts';

export function cacheRoot(): string {
  return process.env.SMM_LAB_CACHE ?? join(homedir(), '.cache', 'smm-agent-lab');
}

export function digestOf(...inputs: readonly (string | Buffer)[]): string {
  const hash = createHash('sha256');
  for (const input of inputs) {
    hash.update(`${input.length}:`);
    hash.update(input);
  }
  return hash.digest('hex').slice(0, 16);
}

/**
 * The folder of the part `name` made from inputs with this digest; `make` fills an empty folder when it is not there
 * yet. Safe to interrupt and safe to call from several processes at once: one builds, the others wait for it.
 */
export async function cached(name: string, digest: string, make: (folder: string) => Promise<void>): Promise<string> {
  const place = join(cacheRoot(), 'parts', `${name}-${digest}`);
  if (existsSync(place)) return place;
  for (const folder of ['parts', 'locks', 'tmp']) mkdirSync(join(cacheRoot(), folder), { recursive: true });
  return withLock(join(cacheRoot(), 'locks', name), async () => {
    if (existsSync(place)) return place;
    const draft = mkdtempSync(join(cacheRoot(), 'tmp', `${process.pid}-`));
    try {
      await timed(`making ${name}`, () => make(draft));
      renameSync(draft, place);
    } catch (cause) {
      throw new Error(`cannot make the part ${name}: ${cause instanceof Error ? cause.message : String(cause)}`, {
        cause,
      });
    } finally {
      rmSync(draft, { recursive: true, force: true });
    }
    return place;
  });
}

/** Removes what interrupted builds left behind; a running build's folder begins with the pid of a living process. */
export function sweepDrafts(): void {
  const tmp = join(cacheRoot(), 'tmp');
  if (!existsSync(tmp)) return;
  for (const name of readdirSync(tmp)) {
    if (identify(Number.parseInt(name, 10)) === undefined) rmSync(join(tmp, name), { recursive: true, force: true });
  }
}
