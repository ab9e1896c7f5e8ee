/** The demo as a visitor runs it: how it ends. story.test.ts tests what happens in it. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { temporaryFolder } from '../support/temporary.ts';
import { until } from '../support/until.ts';

const DEMO = join(import.meta.dirname, 'main.ts');

/** The processes whose program or working directory is in a folder. */
function processesIn(folder: string): string[] {
  const uses = (pid: string, link: string) => {
    try {
      return readlinkSync(`/proc/${pid}/${link}`).startsWith(folder);
    } catch (error) {
      // The process has ended, or we may not look at it, so it is not of the demo.
      if (['ENOENT', 'EACCES', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
      throw error;
    }
  };
  return readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && (uses(pid, 'exe') || uses(pid, 'cwd')));
}

describe('the demo', () => {
  for (const [when, line] of [
    ['while it prepares the machine', ''],
    ['in the middle of a scene', 'istio-sidecar 1.31.1'],
  ] as const) {
    it(`leaves nothing behind, and ends with status 130, when Ctrl-C comes ${when}`, async () => {
      await using folder = await temporaryFolder();
      const demo = spawn(process.execPath, [DEMO], { env: { ...process.env, TMPDIR: folder.path } });
      let shown = '';
      demo.stdout.setEncoding('utf8').on('data', (text: string) => {
        shown += text;
      });
      const ended = once(demo, 'exit');
      if (line === '') await until('a folder', async () => (await readdir(folder.path)).length > 0);
      else await until('the scene', () => shown.includes(line));
      demo.kill('SIGINT');
      assert.deepEqual(await ended, [130, null]);
      assert.deepEqual(await readdir(folder.path), []);
      // The processes are killed at this point, but the kernel may need a moment to remove them.
      await until(
        'the processes',
        () => processesIn(folder.path),
        (left) => left.length === 0,
      );
    });
  }

  it('leaves nothing behind when it is ended by SIGKILL', async () => {
    await using folder = await temporaryFolder();
    const demo = spawn(process.execPath, [DEMO], { env: { ...process.env, TMPDIR: folder.path } });
    let shown = '';
    demo.stdout.setEncoding('utf8').on('data', (text: string) => {
      shown += text;
    });
    await until('the scene', () => shown.includes('smm-agent 0'));
    assert.notDeepEqual(processesIn(folder.path), []);
    demo.kill('SIGKILL');
    await until(
      'the folders',
      () => readdir(folder.path),
      (left) => left.length === 0,
    );
    await until(
      'the processes',
      () => processesIn(folder.path),
      (left) => left.length === 0,
    );
  });

  it('says which programs are missing before it does anything', async () => {
    const demo = spawn(process.execPath, [DEMO], { env: { PATH: '/nowhere' } });
    let said = '';
    demo.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    assert.deepEqual(await once(demo, 'close'), [1, null]);
    assert.match(said, /^cannot run the demo on this machine\. Missing:\n {2}- dpkg-deb: /);
  });
});
