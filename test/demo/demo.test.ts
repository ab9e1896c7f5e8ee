/** The demo as a visitor runs it, as far as story.test.ts does not show the same: how it ends. */
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

/** Processes that run from a folder or in it. */
function processesIn(folder: string): string[] {
  const uses = (pid: string, link: string) => {
    try {
      return readlinkSync(`/proc/${pid}/${link}`).startsWith(folder);
    } catch (error) {
      // It has ended, or is not ours to look at: then it is none of the demo's either.
      if (['ENOENT', 'EACCES', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
      throw error;
    }
  };
  return readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && (uses(pid, 'exe') || uses(pid, 'cwd')));
}

describe('the demo', () => {
  for (const [when, line] of [
    ['while it sets the stage', ''],
    ['in the middle of a scene', 'istio-sidecar 1.31.1'],
  ] as const) {
    it(`interrupted ${when}, leaves nothing behind and says by what it was ended`, async () => {
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
      // Killed they are by then; that they are gone may take a moment.
      await until(
        'the processes',
        () => processesIn(folder.path),
        (left) => left.length === 0,
      );
    });
  }

  it('ended by SIGKILL, leaves nothing behind either', async () => {
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

  it('says what is lacking before it does anything', async () => {
    const demo = spawn(process.execPath, [DEMO], { env: { PATH: '/nowhere' } });
    let said = '';
    demo.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    assert.deepEqual(await once(demo, 'close'), [1, null]);
    assert.match(said, /^cannot run the demo on this machine\. Missing:\n {2}- dpkg-deb: /);
  });
});
