import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Outage } from '../../src/turn/outage.ts';
import { ManualClock } from '../support/manual-clock.ts';

/** The seconds at which a machine that polls each minute asks a control plane that is down. */
function asks(minutes: number, random: number): number[] {
  const clock = new ManualClock();
  const outage = new Outage(clock, () => random);
  const seconds: number[] = [];
  for (let second = 0; second < minutes * 60; second += 60) {
    if (!outage.isWaiting) {
      seconds.push(second);
      outage.failed();
    }
    clock.pass(60_000);
  }
  return seconds;
}

describe('a control plane that does not answer', () => {
  it('is asked at each poll at first, and then more and more rarely', () => {
    assert.deepEqual(asks(15, 0.99), [0, 60, 120, 180, 300, 480, 720]);
  });

  it('is asked at least every five minutes as long as it is down', () => {
    const late = asks(600, 0.99).slice(-10);
    for (const [index, second] of late.entries()) if (index > 0) assert.ok(second - (late[index - 1] ?? 0) <= 360);
  });

  it('is not asked by all machines at the same time', () => {
    assert.notDeepEqual(asks(30, 0), asks(30, 0.99));
  });

  it('is asked as usual after it has answered', () => {
    const clock = new ManualClock();
    const outage = new Outage(clock, () => 0);
    outage.failed();
    clock.pass(600_000);
    outage.failed();
    assert.equal(outage.isWaiting, true);
    outage.over();
    assert.equal(outage.isWaiting, false);
  });
});
