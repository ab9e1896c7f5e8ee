/** Other Nodes than that of the package, as npm publishes them. */
import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { must } from '../host/run.ts';
import { cached, digestOf } from './cache.ts';

const PART = join(import.meta.dirname, '.', 'node');
const LOCK = readFileSync(join(PART, 'package-lock.json'), 'utf8');

/**
 * `earlier` is of the same line; `later` is of one that needs a library more than the machines have: libatomic.so.1.
 */
export type OtherNode = 'earlier' | 'later';

export function otherNodeVersion(which: OtherNode): string {
  return JSON.parse(LOCK).packages[`node_modules/${nameOf(which)}`].version;
}

/** A folder with bin/node and LICENSE. npm compares what it fetches with the lock file. */
export async function otherNode(which: OtherNode): Promise<string> {
  const folder = await cached('other-nodes', digestOf(process.arch, LOCK), async (draft) => {
    const fetched = join(draft, 'fetched');
    cpSync(PART, fetched, { recursive: true });
    await must(['npm', 'ci', '--ignore-scripts'], { cwd: fetched });
    for (const one of ['earlier', 'later'] as const) {
      mkdirSync(join(draft, one, 'bin'), { recursive: true });
      const from = join(fetched, 'node_modules', nameOf(one));
      for (const file of ['bin/node', 'LICENSE']) cpSync(join(from, file), join(draft, one, file));
    }
    await must(['rm', '-r', fetched]);
  });
  return join(folder, which);
}

function nameOf(which: OtherNode): string {
  return `${which}-${process.arch === 'arm64' ? 'arm64' : 'x64'}`;
}
