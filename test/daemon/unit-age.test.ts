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

describe('for how long istio.service has been as it is', () => {
  it('goes on by a clock that nobody sets, wherever the wall clock is set to meanwhile', () => {
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

  it('begins now for what began in the future: the wall clock was set back before it was seen', () => {
    const clock = new ManualClock();
    const age = new UnitAge(clock);
    const started = since(new Date(clock.now().getTime() + 7_200_000));
    assert.equal(age.of(started), 0);
    clock.pass(20_000);
    assert.equal(age.of(started), 20_000);
  });

  it('begins again with another start or end, and is unknown where systemd tells no time', () => {
    const clock = new ManualClock();
    const age = new UnitAge(clock);
    age.of(since(clock.now()));
    clock.pass(60_000);
    assert.equal(age.of(since(clock.now(), 'inactive')), 0);
    assert.equal(age.of(since(null)), Infinity);
  });
});
