import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { Attempts } from '../../src/decision/attempts.ts';
import { triedBefore } from '../../src/decision/reasons.ts';

const NOW = new Date('2026-11-23T12:00:00Z');
const HOUR_MS = 3_600_000;

describe('failed tries', () => {
  let folder = '';
  let paths = { state: '', run: '' };
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'attempts-'));
    paths = { state: folder, run: join(folder, 'run') };
  });
  afterEach(() => rm(folder, { recursive: true }));
  const waits = async (times: number, wait: { refused: boolean; atLeastMs?: number }) => {
    const attempts = new Attempts(paths);
    const all: number[] = [];
    for (let n = 0; n < times; n++)
      all.push((await attempts.failed('stage 1.31.1', 'why', NOW, wait)).retryAt.getTime() - NOW.getTime());
    return all;
  };

  /** As a turn that observed the machine at this time, and reads the attempts a moment later. */
  const assertTriedAgain = async (lookedAt: Date) => {
    const attempts = await new Attempts(paths).read(new Date(lookedAt.getTime() + 1000));
    assert.equal(attempts.size, 1);
    assert.equal(triedBefore('stage 1.31.1', attempts, lookedAt), null);
  };

  it('are repeated after 30 s, then after twice as long each time, at most an hour', async () => {
    assert.deepEqual(
      await waits(9, { refused: false }),
      [30, 60, 120, 240, 480, 960, 1920, 3600, 3600].map((s) => s * 1000),
    );
  });

  it('of a package that was refused wait a day, then longer, at most a week', async () => {
    assert.deepEqual(
      await waits(5, { refused: true }),
      [24, 48, 96, 168, 168].map((h) => h * HOUR_MS),
    );
  });

  it('of another package than the refused one start again with a wait of a day', async () => {
    const attempts = new Attempts(paths);
    const fail = async (packageDigest: string | undefined, refused = true) => {
      const { retryAt } = await attempts.failed('stage 1.31.1', 'why', NOW, { refused, packageDigest });
      return (retryAt.getTime() - NOW.getTime()) / HOUR_MS;
    };
    assert.deepEqual([await fail('aa'), await fail('aa'), await fail('bb')], [24, 48, 24]);
    assert.equal((await attempts.read(NOW)).get('stage 1.31.1')?.packageDigest, 'bb');
    // A failed download is no evidence against the package.
    assert.equal(await fail(undefined, false), 30 / 3600);
    assert.equal((await attempts.read(NOW)).get('stage 1.31.1')?.packageDigest, undefined);
  });

  it('wait as long as the server asks, but not for ever', async () => {
    assert.deepEqual(await waits(1, { refused: false, atLeastMs: 90_000 }), [90_000]);
    await new Attempts(paths).clear();
    assert.deepEqual(await waits(1, { refused: false, atLeastMs: 1e12 }), [HOUR_MS]);
  });

  it('are remembered by the next agent, and forgotten when the try succeeds', async () => {
    await waits(2, { refused: false });
    assert.equal((await new Attempts(paths).read(NOW)).get('stage 1.31.1')?.count, 2);
    await new Attempts(paths).succeeded('stage 1.31.1', NOW);
    assert.equal((await new Attempts(paths).read(NOW)).size, 0);
  });

  for (const text of ['{"stage', '[]', '{"a":{"reason":"x"}}', '']) {
    it(`in a damaged file (${text || 'empty'}) cost one try too many, and the next failure repairs the file`, async () => {
      await writeFile(join(folder, 'attempts.json'), text);
      assert.equal((await new Attempts(paths).read(NOW)).size, 0);
      await waits(1, { refused: false });
      assert.equal((await new Attempts(paths).read(NOW)).get('stage 1.31.1')?.count, 1);
    });
  }

  it('in a file that cannot be read are an error, not "none"', async () => {
    await mkdir(join(folder, 'attempts.json'));
    await assert.rejects(new Attempts(paths).read(NOW), { code: 'SMM520' });
  });

  it('wait no longer when the clock is set back by years, since no wait is so long', async () => {
    await waits(1, { refused: true });
    const before = new Date('2020-01-01T00:00:00Z');
    await assertTriedAgain(before);
  });

  it('wait no longer when the clock was days ahead at the failure, and is corrected', async () => {
    await waits(1, { refused: false });
    const before = new Date(NOW.getTime() - 3 * 24 * HOUR_MS);
    await assertTriedAgain(before);
  });

  it('are forgotten when the version was not wanted for a month', async () => {
    await waits(1, { refused: false });
    const later = new Date(NOW.getTime() + 31 * 24 * HOUR_MS);
    assert.equal((await new Attempts(paths).read(later)).size, 0);
  });
});
