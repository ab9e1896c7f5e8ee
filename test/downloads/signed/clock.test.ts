/** The time as of which a repository is judged: one for the whole turn, and that of this machine. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock } from '../../support/manual-clock.ts';
import { Scene, TARGET } from './scene.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

async function expiring(clock: ManualClock, afterMs: number): Promise<Scene> {
  const scene = await Scene.begin();
  scene.publisher.roles.timestamp.expires = new Date(clock.now().getTime() + afterMs).toISOString();
  scene.publisher.publish();
  return scene;
}

describe('a turn', () => {
  it('is judged as of one time, however long it takes', async () => {
    const clock = new ManualClock();
    await using scene = await expiring(clock, HOUR_MS);
    const delegated = scene.publisher.delegate('team', 'team/*', {
      expires: new Date(clock.now().getTime() + HOUR_MS).toISOString(),
    });
    delegated.add('team/file', Buffer.from('a file of the team'));
    delegated.publish();
    scene.publisher.publish();
    const client = scene.client({ clock });
    await client.refresh();
    clock.pass(2 * HOUR_MS);
    await client.target(TARGET);
    await client.target('team/file');
    await assert.rejects(scene.client({ clock }).target(TARGET), { code: 'SMM451' });
  });
});

describe('a clock', () => {
  it('that goes on while nothing is published finds the frozen timestamp out', async () => {
    const clock = new ManualClock();
    await using scene = await expiring(clock, 7 * DAY_MS);
    await scene.client({ clock }).target(TARGET);
    clock.pass(8 * DAY_MS);
    await scene.assertRefused(
      {
        code: 'SMM451',
        message:
          /its timestamp\.json expired at 2026-11-30T12:00:00\.000Z, and the clock of this machine says 2026-12-01T12:00:00\.000Z$/,
      },
      { clock },
    );
  });

  it('that is set far ahead finds everything expired, and the error says to look at it', async () => {
    const clock = new ManualClock();
    await using scene = await Scene.begin();
    await scene.client({ clock }).target(TARGET);
    clock.setWall(20 * 365 * DAY_MS);
    await assert.rejects(scene.client({ clock }).target(TARGET), {
      code: 'SMM451',
      message: /root\.json expired at 2036-01-01T00:00:00Z, and the clock of this machine says 2046-/,
      remedy: /^check the clock \(timedatectl\)/,
    });
    clock.setWall(-20 * 365 * DAY_MS);
    await scene.client({ clock }).target(TARGET);
  });

  it('that is set back does not prevent updates, and older metadata are still refused', async () => {
    const clock = new ManualClock();
    await using scene = await Scene.begin();
    await scene.client({ clock }).target(TARGET);
    clock.setWall(-10 * 365 * DAY_MS);
    scene.publisher.publish();
    await scene.client({ clock }).target(TARGET);
    assert.equal((await scene.versions())['timestamp.json'], 3);
    scene.publisher.roles.timestamp.version = 2;
    scene.publisher.sign('timestamp');
    await scene.assertRefused({ code: 'SMM450', message: /version 2 of timestamp\.json/ }, { clock });
  });
});
