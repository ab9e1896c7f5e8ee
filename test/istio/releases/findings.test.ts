import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type Clock, systemClock } from '../../../src/host/clock.ts';
import { ReleaseFindings } from '../../../src/istio/releases/findings.ts';
import { type TemporaryFolder, temporaryFolder } from '../../support/temporary.ts';

const ID = '1.31.0-0123456789ab';
const HOUR_MS = 3_600_000;

class Scene implements AsyncDisposable {
  now = new Date('2026-11-23T12:00:00Z');
  readonly findings: ReleaseFindings;
  readonly state: string;
  readonly #folder: TemporaryFolder;

  constructor(folder: TemporaryFolder) {
    this.#folder = folder;
    this.state = folder.path;
    const clock: Clock = { ...systemClock, now: () => this.now };
    this.findings = new ReleaseFindings(folder.path, clock);
  }

  static async begin(): Promise<Scene> {
    return new Scene(await temporaryFolder());
  }

  later(hours: number): void {
    this.now = new Date(this.now.getTime() + hours * HOUR_MS);
  }

  /** As istio-activate writes it. */
  async write(kind: string, text: string): Promise<void> {
    await mkdir(join(this.state, 'istio', kind), { recursive: true });
    await writeFile(join(this.state, 'istio', kind, ID), text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#folder[Symbol.asyncDispose]();
  }
}

describe('confirmed releases', () => {
  it('are remembered until they are forgotten', async () => {
    await using scene = await Scene.begin();
    assert.deepEqual(await scene.findings.confirmed(), new Set());
    await scene.findings.confirm(ID);
    assert.deepEqual(await scene.findings.confirmed(), new Set([ID]));
    assert.equal(await readFile(join(scene.state, 'istio/confirmed', ID), 'utf8'), '');
    await scene.findings.forgetConfirmed(ID);
    assert.deepEqual(await scene.findings.confirmed(), new Set());
  });

  it('are an error where they cannot be read: that is not the same as none', async () => {
    await using scene = await Scene.begin();
    await mkdir(join(scene.state, 'istio'));
    await writeFile(join(scene.state, 'istio/confirmed'), '');
    await assert.rejects(scene.findings.confirmed(), { code: 'SMM520' });
  });
});

describe('a rejected release', () => {
  it('is a release that istio-activate rolled back, for a day', async () => {
    await using scene = await Scene.begin();
    await scene.write('rejected', `reason=Envoy ended three times\ncount=1\nat=${scene.now.getTime() / 1000}\n`);
    const retryAt = new Date('2026-11-24T12:00:00Z');
    assert.deepEqual(
      await scene.findings.rejections.read(),
      new Map([[ID, { reason: 'Envoy ended three times', count: 1, at: scene.now, retryAt }]]),
    );
    scene.later(24);
    assert.deepEqual(await scene.findings.rejections.read(), new Map());
  });

  it('waits twice as long from time to time, at most a week', async () => {
    await using scene = await Scene.begin();
    const waits: number[] = [];
    for (let round = 0; round < 5; round += 1) {
      await scene.findings.rejections.reject(ID, 'bad');
      const rejection = (await scene.findings.rejections.read()).get(ID);
      assert.ok(rejection);
      assert.equal(rejection.count, round + 1);
      waits.push((rejection.retryAt.getTime() - scene.now.getTime()) / HOUR_MS);
      assert.deepEqual(await scene.findings.rejections.expire(), []);
      scene.later(24 * 7);
      assert.deepEqual(await scene.findings.rejections.expire(), [ID]);
      assert.deepEqual(await readdir(join(scene.state, 'istio/rejected')), []);
    }
    assert.deepEqual(waits, [24, 48, 96, 168, 168]);
  });

  it('has the same count when its expiry was cut off in the middle', async () => {
    await using scene = await Scene.begin();
    await scene.findings.rejections.reject(ID, 'bad');
    const text = await readFile(join(scene.state, 'istio/rejected', ID), 'utf8');
    scene.later(25);
    await scene.findings.rejections.expire();
    await scene.write('rejected', text);
    assert.deepEqual(await scene.findings.rejections.expire(), [ID]);
    await scene.findings.rejections.reject(ID, 'bad again');
    assert.equal((await scene.findings.rejections.read()).get(ID)?.count, 2);
  });

  it('is written as lines that a shell script can read, with any text as its reason', async () => {
    await using scene = await Scene.begin();
    await scene.findings.rejections.reject(ID, 'it said:\ncount=99 `rm`\n');
    const text = await readFile(join(scene.state, 'istio/rejected', ID), 'utf8');
    assert.equal(text, `reason=it said: count=99 \`rm\`\ncount=1\nat=${scene.now.getTime() / 1000}\n`);
  });

  it('does not last for years when the clock was wrong: its time begins again now', async () => {
    await using scene = await Scene.begin();
    await scene.write('rejected', 'reason=bad\ncount=1\nat=4102444800\n');
    await scene.findings.rejections.expire();
    scene.later(23);
    assert.equal((await scene.findings.rejections.read()).size, 1);
    scene.later(1);
    assert.equal((await scene.findings.rejections.read()).size, 0);
  });

  it('is one also where its file is empty or torn', async () => {
    await using scene = await Scene.begin();
    for (const text of ['', 'reason=', 'count=x\nat=yesterday\n']) {
      await scene.write('rejected', text);
      const rejection = (await scene.findings.rejections.read()).get(ID);
      assert.deepEqual([rejection?.reason, rejection?.count], ['no reason was noted', 1]);
    }
    await scene.findings.rejections.expire();
    scene.later(24);
    assert.deepEqual(await scene.findings.rejections.expire(), [ID]);
  });

  it('is forgotten with its count when the operator says so', async () => {
    await using scene = await Scene.begin();
    await scene.findings.rejections.reject(ID, 'bad');
    scene.later(25);
    await scene.findings.rejections.expire();
    await scene.findings.rejections.reject(ID, 'bad');
    await scene.findings.rejections.clear('1.30.0-0123456789ab');
    assert.equal((await scene.findings.rejections.read()).get(ID)?.count, 2);
    await scene.findings.rejections.clear();
    await scene.findings.rejections.reject(ID, 'bad');
    assert.equal((await scene.findings.rejections.read()).get(ID)?.count, 1);
  });
});
