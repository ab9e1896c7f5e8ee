import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { withFileLock } from '../../../src/host/files/file-lock.ts';

const MODULE = join(import.meta.dirname, '../../../src/host/files/file-lock.ts');

describe('a lock on a folder', () => {
  it('lets one at a time do its work, and gives its result', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'smm-lock-'));
    const file = join(folder, 'count');
    await writeFile(file, '0');
    const add = () =>
      withFileLock(folder, async () => {
        const next = Number(await readFile(file, 'utf8')) + 1;
        await writeFile(file, String(next));
        return next;
      });
    const results = await Promise.all(Array.from({ length: 10 }, add));
    assert.deepEqual(
      results.toSorted((a, b) => a - b),
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    );
    await rm(folder, { recursive: true });
  });

  it('is free again when its holder is killed', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'smm-lock-'));
    const script = `import { withFileLock } from ${JSON.stringify(MODULE)};
      await withFileLock(${JSON.stringify(folder)}, async () => { console.log('held'); await new Promise((done) => setTimeout(done, 60000)); });`;
    const holder = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(holder.stdout, 'data');
    await assert.rejects(
      withFileLock(folder, async () => 'mine', 0),
      { code: 'SMM535' },
    );
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    assert.equal(await withFileLock(folder, async () => 'mine', 10), 'mine');
    await rm(folder, { recursive: true });
  });

  it('is given back when the work fails', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'smm-lock-'));
    await assert.rejects(
      withFileLock(folder, () => Promise.reject(new Error('failed')), 0),
      /failed/,
    );
    assert.equal(await withFileLock(folder, async () => 'mine', 0), 'mine');
    await rm(folder, { recursive: true });
  });

  it('is on a file that no other user can open: a user who can open it can hold it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'smm-lock-'));
    await chmod(folder, 0o755);
    const modeOf = async (path: string) => (await stat(path)).mode & 0o7777;
    assert.equal(await withFileLock(folder, () => modeOf(folder)), 0o711);
    const file = join(folder, 'lock');
    assert.equal(await withFileLock(file, () => modeOf(file)), 0o600, 'a file is made');
    await chmod(file, 0o644);
    assert.equal(await withFileLock(file, () => modeOf(file)), 0o600);
    await rm(folder, { recursive: true });
  });

  it('follows no link, and does not wait for a pipe', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'smm-lock-'));
    await writeFile(join(folder, 'other'), '', { mode: 0o644 });
    await symlink('other', join(folder, 'lock'));
    await assert.rejects(
      withFileLock(join(folder, 'lock'), async () => 'mine'),
      { code: 'SMM536' },
    );
    assert.equal((await stat(join(folder, 'other'))).mode & 0o7777, 0o644);
    await rm(folder, { recursive: true });
  });

  it('cannot be had on what is not there', async () => {
    await assert.rejects(
      withFileLock('/nowhere/at/all', async () => 'mine'),
      { code: 'SMM536' },
    );
  });
});
