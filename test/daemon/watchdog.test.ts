import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { Watchdog } from '../../src/daemon/watchdog.ts';
import { ManualClock } from '../support/manual-clock.ts';

describe('the watchdog', () => {
  it('is fed while the loop waits, without a time limit', () => {
    const clock = new ManualClock();
    const watchdog = new Watchdog(clock);
    watchdog.moved();
    watchdog.resting();
    clock.pass(86_400_000);
    assert.equal(watchdog.isMoving(), true);
  });

  it('is fed during a long download as long as bytes arrive', () => {
    const clock = new ManualClock();
    const watchdog = new Watchdog(clock);
    for (let minute = 0; minute < 60; minute++) {
      watchdog.moved();
      clock.pass(60_000);
      assert.equal(watchdog.isMoving(), true);
    }
  });

  it('is fed while a package is unpacked to a slow disk, which takes up to ten minutes', () => {
    const clock = new ManualClock();
    const watchdog = new Watchdog(clock);
    watchdog.moved();
    clock.pass(600_000);
    assert.equal(watchdog.isMoving(), true);
  });

  it('is not fed after a step has had no event for a quarter of an hour', () => {
    const clock = new ManualClock();
    const watchdog = new Watchdog(clock);
    watchdog.moved();
    clock.pass(15 * 60_000 - 1_000);
    assert.equal(watchdog.isMoving(), true);
    clock.pass(1_000);
    assert.equal(watchdog.isMoving(), false);
  });

  // A systemd before 246 loses messages of programs that exit at once (systemd issue 2737).
  it('is fed so often that systemd may lose four messages in a row, and not while the loop hangs', async () => {
    const clock = new ManualClock();
    const watchdog = new Watchdog(clock);
    let fed = 0;
    const stop = watchdog.start(30_000, () => {
      fed += 1;
    });
    const pass = async (seconds: number) => {
      for (let second = 0; second < seconds; second += 1) {
        clock.pass(1_000);
        await setImmediate();
      }
    };
    await pass(29);
    assert.equal(fed, 4, 'before the time of the first is over');
    await pass(1);
    assert.equal(fed, 5);
    watchdog.moved();
    clock.pass(15 * 60_000);
    await pass(30);
    assert.equal(fed, 5);
    watchdog.resting();
    await pass(6);
    assert.equal(fed, 6);
    stop();
    await pass(30);
    assert.equal(fed, 6);
  });
});
