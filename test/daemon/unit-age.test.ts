import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { UnitAge } from '../../src/daemon/unit-age.ts';
import type { Status } from '../../src/status/status.ts';
import { ManualClock } from '../support/manual-clock.ts';

const since = (at: Date | null, activeState = 'active') =>
  ({ istio: { unit: { activeState, subState: 'running', since: at?.toISOString() ?? null } } }) as Pick<
    Status,
    'istio'
  >;

describe('the time since the last change of istio.service', () => {
  it('is counted by the monotonic clock, even if the wall clock is set meanwhile', () => {
    const clock = new ManualClock();
    const age = new UnitAge(clock);
    const started = since(clock.now());
    clock.pass(5_000);
    assert.equal(age.of(started), 5_000);
    for (const byMs of [-7_200_000, 86_400_000]) {
      clock.setWall(byMs);
      clock.pass(20_000);
    }
    assert.equal(age.of(started), 45_000);
  });

  it('is 0 for a change in the future: the wall clock was set back before the change was seen', () => {
    const clock = new ManualClock();
    const age = new UnitAge(clock);
    const started = since(new Date(clock.now().getTime() + 7_200_000));
    assert.equal(age.of(started), 0);
    clock.pass(20_000);
    assert.equal(age.of(started), 20_000);
  });

  it('begins again with another start or end, and is unknown if systemd reports no time', () => {
    const clock = new ManualClock();
    const age = new UnitAge(clock);
    age.of(since(clock.now()));
    clock.pass(60_000);
    assert.equal(age.of(since(clock.now(), 'inactive')), 0);
    assert.equal(age.of(since(null)), Infinity);
  });
});
