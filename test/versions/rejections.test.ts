import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { systemClock } from '../../src/host/clock.ts';
import { VersionRejections } from '../../src/versions/rejections.ts';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary.ts';

/** Writes a rejection as agent-put-back does. */
async function reject({ path }: TemporaryFolder, name: string, at: Date): Promise<void> {
  await mkdir(join(path, 'rejected'), { recursive: true });
  const text = `reason=it ended by itself\ncount=1\nat=${Math.floor(at.getTime() / 1000)}\nprobation=abcd\nfrom=0.2.0\n`;
  await writeFile(join(path, 'rejected', name), text);
}

describe('rejected versions of the agent', () => {
  it('do not include temporary files of a killed script', async () => {
    await using folder = await temporaryFolder();
    for (const name of ['0.3.0', '0.4.0.new', '.0.5.0.new']) await reject(folder, name, new Date());
    const rejections = new VersionRejections({ agentState: folder.path }, systemClock);
    assert.deepEqual([...(await rejections.read()).keys()], ['0.3.0']);
  });
});
