import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Watchdog } from '../../src/agent/watchdog.ts';
import { ManualClock } from './manual-clock.ts';

describe('the watchdog', () => {
  it('is fed while the loop waits, however long', () => {
    const clock = new ManualClock();
    const watchdog = new Watchdog(clock);
    watchdog.moved();
    watchdog.resting();
    clock.pass(86_400_000);
    assert.equal(watchdog.isMoving(), true);
  });

  it('is fed through a long download whose bytes arrive', () => {
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

  it('is not fed once a step shows no sign of life for a quarter of an hour', () => {
    const clock = new ManualClock();
    const watchdog = new Watchdog(clock);
    watchdog.moved();
    clock.pass(15 * 60_000 - 1_000);
    assert.equal(watchdog.isMoving(), true);
    clock.pass(1_000);
    assert.equal(watchdog.isMoving(), false);
  });
});
