import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { MAX_FOREIGN_BYTES, readForeignText } from '../../../src/host/files/foreign-file.ts';
import { copyHashed, sha256OfFile } from '../../../src/host/files/trees.ts';

const folder = mkdtempSync(join(tmpdir(), 'smm-foreign-'));
after(() => rmSync(folder, { recursive: true }));

const at = (name: string) => join(folder, name);
writeFileSync(at('file'), 'A=1\n');
writeFileSync(at('large'), '');
truncateSync(at('large'), 500_000_000);
writeFileSync(at('just-right'), 'x'.repeat(MAX_FOREIGN_BYTES));
mkdirSync(at('folder'));
execFileSync('mkfifo', [at('fifo')]);
symlinkSync('/dev/zero', at('zero'));
symlinkSync('file', at('link'));

describe('a file that another user can write', () => {
  it('is read when it is a regular one', async () => {
    assert.equal(await readForeignText(at('file')), 'A=1\n');
    assert.equal(await readForeignText(at('nothing')), null);
    assert.equal((await readForeignText(at('just-right')))?.length, MAX_FOREIGN_BYTES);
  });

  for (const [name, why] of [
    ['fifo', 'it is not a regular file'],
    ['folder', 'it is not a regular file'],
    ['zero', 'it is a link'],
    ['link', 'it is a link'],
    ['large', `it has more than ${MAX_FOREIGN_BYTES} bytes`],
  ] as const) {
    it(`is an error at once when it is a ${name}`, async () => {
      await assert.rejects(readForeignText(at(name)), { code: 'SMM520', message: `cannot read ${at(name)}: ${why}` });
    });
  }

  it('may be a link where an operator has named it, and no device behind one', async () => {
    assert.equal(await readForeignText(at('link'), { followLinks: true }), 'A=1\n');
    await assert.rejects(readForeignText(at('zero'), { followLinks: true }), /it is not a regular file/);
  });

  it('is neither hashed nor copied as a FIFO', async () => {
    await assert.rejects(sha256OfFile(at('fifo')), { code: 'SMM520' });
    await assert.rejects(copyHashed(at('fifo'), at('copy'), 0o644), { code: 'SMM520' });
  });
});
