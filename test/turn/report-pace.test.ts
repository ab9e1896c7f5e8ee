import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ReportPace } from '../../src/turn/report-pace.ts';
import { ManualClock } from '../support/manual-clock.ts';

describe('the pace of the report on the WorkloadEntry', () => {
  it('allows all reports of an upgrade without a wait', () => {
    const pace = new ReportPace<string>(new ManualClock());
    for (let change = 0; change < 60; change++) assert.equal(pace.next(`change ${change}`), `change ${change}`);
  });

  it('allows three reports a minute for a proxy that crashes for ever', () => {
    const clock = new ManualClock();
    const pace = new ReportPace<string>(clock);
    const said = new Set<string>();
    for (let second = 0; second < 3600; second += 5) {
      said.add(pace.next(`${second}`));
      clock.pass(5_000);
    }
    assert.ok(said.size <= 241, `${said.size} changes in an hour`);
    assert.ok(said.size >= 200, `${said.size} changes in an hour`);
  });

  it('repeats the last report while it waits, so that an entry that was made again gets a report', () => {
    const clock = new ManualClock();
    const pace = new ReportPace<string>(clock);
    for (let change = 0; change < 60; change++) pace.next(`change ${change}`);
    assert.equal(pace.next('one too many'), 'change 59');
    clock.pass(20_000);
    assert.equal(pace.next('one too many'), 'one too many');
  });
});
