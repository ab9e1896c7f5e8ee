import assert from 'node:assert/strict';
import { open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { WriteBehind } from '../../../src/host/files/write-behind.ts';
import { temporaryFolder } from '../../support/temporary.ts';

describe('writing behind a stream', () => {
  it('writes every byte once and in order, however the blocks are cut', async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, 'file');
    const content = Buffer.from(Array.from({ length: 1_500_000 }, (_, index) => index % 251));
    const cuts = fc.array(fc.integer({ min: 1, max: 1_200_000 }), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(cuts, async (lengths) => {
        const file = await open(path, 'w');
        const writer = new WriteBehind(file);
        let at = 0;
        for (const length of [...lengths, content.length]) {
          await writer.add(content.subarray(at, at + length));
          at = Math.min(at + length, content.length);
        }
        await writer.flush();
        await file.close();
        assert.ok(content.equals(await readFile(path)));
      }),
      { numRuns: 20 },
    );
  });

  it('tells of a write that failed', async () => {
    await using folder = await temporaryFolder();
    await writeFile(join(folder.path, 'file'), '');
    const file = await open(join(folder.path, 'file'), 'r');
    const writer = new WriteBehind(file);
    await writer.add(Buffer.from('content'));
    await assert.rejects(writer.flush(), { code: 'EBADF' });
    await file.close();
  });
});
