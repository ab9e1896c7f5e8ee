import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { REPOSITORY_CHECKPOINTS } from '../../../src/host/files/checkpoints.ts';
import { namesBelow, Scene, TARGET } from './scene.ts';

const PROGRAM = join(import.meta.dirname, 'ask-main.ts');
/** Root 2, timestamp, snapshot and targets are written, in this order. */
const WRITES = [1, 2, 3, 4].flatMap((time) => [`file-temporary-written:${time}`, `file-renamed:${time}`]);

async function killedTurn(scene: Scene, point: string): Promise<void> {
  const env = { ...process.env, SMM_TEST_KILL_AT: point };
  const child = spawn(process.execPath, [PROGRAM, JSON.stringify(scene.options), TARGET], {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const [code, signal] = await once(child, 'close');
  assert.deepEqual([code, signal, said], [null, 'SIGKILL', ''], `${point} was not reached`);
}

describe('a turn that is killed', { concurrency: 2 }, () => {
  for (const point of [...REPOSITORY_CHECKPOINTS, ...WRITES, 'download-halfway']) {
    it(`at ${point} leaves nothing torn, forgets nothing, and the next one does the rest`, async () => {
      await using scene = await Scene.known();
      const { publisher } = scene;
      const before = await scene.versions();
      publisher.publishRoot();
      publisher.publish();
      await killedTurn(scene, point);

      const cache = Object.entries(await scene.cache()).filter(([name]) => !name.startsWith('.'));
      for (const [name, content] of cache) {
        const { version } = JSON.parse(content).signed;
        assert.ok(version >= (before[name] ?? 0), `${name} went back to ${version}`);
      }
      const old = publisher.roles.timestamp.version;
      publisher.roles.timestamp.version = 1;
      publisher.sign('timestamp');
      await assert.rejects(scene.client().target(TARGET), { code: 'SMM450' });

      publisher.roles.timestamp.version = old;
      publisher.publish();
      await scene.fetch();
      const now = { 'roots/2.root.json': 2, 'snapshot.json': 4, 'targets.json': 4, 'timestamp.json': 4 };
      assert.deepEqual(await scene.versions(), now);
      assert.deepEqual(await namesBelow(scene.downloads), ['smm-agent-1.2.3.tar.zst']);
    });
  }
});
