import assert from 'node:assert/strict';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { systemClock } from '../../src/host/clock.ts';
import { VersionRejections } from '../../src/upgrade/rejections.ts';
import { noFullDisk, onFullDisk } from '../full-disk.ts';
import { type TemporaryFolder, temporaryFolder } from '../temporary.ts';

const SOURCE = join(import.meta.dirname, '../../src');

/** As agent-put-back writes it. */
async function reject({ path }: TemporaryFolder, name: string, at: Date): Promise<void> {
  await mkdir(join(path, 'rejected'), { recursive: true });
  const text = `reason=it ended by itself\ncount=1\nat=${Math.floor(at.getTime() / 1000)}\nprobation=abcd\nfrom=0.2.0\n`;
  await writeFile(join(path, 'rejected', name), text);
}

describe('rejected versions of the agent', () => {
  it('are not the files that a script was writing when it was killed', async () => {
    await using folder = await temporaryFolder();
    for (const name of ['0.3.0', '0.4.0.new', '.0.5.0.new']) await reject(folder, name, new Date());
    const rejections = new VersionRejections({ agentState: folder.path }, systemClock);
    assert.deepEqual([...(await rejections.read()).keys()], ['0.3.0']);
  });

  it('that are over keep no turn from its work where there is no room to note that', { skip: noFullDisk }, async () => {
    await using folder = await temporaryFolder();
    await reject(folder, '0.3.0', new Date(0));
    await reject(folder, '0.4.0', new Date());
    const module = `
      import { systemClock } from '${SOURCE}/host/clock.ts';
      import { VersionRejections } from '${SOURCE}/upgrade/rejections.ts';
      const rejections = new VersionRejections({ agentState: '${folder.path}' }, systemClock);
      await rejections.expire();
      console.log([...(await rejections.read()).keys()].join());
    `;
    assert.equal(await onFullDisk(folder.path, module), '0.4.0\n');
    const rejections = new VersionRejections({ agentState: folder.path }, systemClock);
    await rejections.expire();
    assert.deepEqual(await readdir(join(folder.path, 'expired')), ['0.3.0'], 'noted once there is room');
  });
});
