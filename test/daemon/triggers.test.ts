import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, it } from 'node:test';
import { askFor, type TriggerName, Triggers } from '../../src/daemon/triggers.ts';

describe('triggers', () => {
  it('returns every trigger that was fired before next() was called, once', async () => {
    const triggers = new Triggers();
    triggers.fire('poll');
    triggers.fire('reload');
    triggers.fire('poll');
    assert.deepEqual(await triggers.next(new AbortController().signal), ['poll', 'reload']);
  });

  it('wakes a waiting caller', async () => {
    const triggers = new Triggers();
    const waiting = triggers.next(new AbortController().signal);
    triggers.fire('istio');
    assert.deepEqual(await waiting, ['istio']);
  });

  it('returns to a waiting caller when the daemon ends, also if that was before the call', async () => {
    const ending = new AbortController();
    const waiting = new Triggers().next(ending.signal);
    ending.abort();
    assert.deepEqual(await waiting, []);
    assert.deepEqual(await new Triggers().next(ending.signal), []);
  });

  it('leaves no listener on the signal, which lives as long as the daemon', async () => {
    const { signal } = new AbortController();
    const triggers = new Triggers();
    for (let turn = 0; turn < 3; turn++) {
      const waiting = triggers.next(signal);
      triggers.fire('poll');
      await waiting;
    }
    assert.equal(getEventListeners(signal, 'abort').length, 0);
  });
});

describe('a turn that several triggers begin', () => {
  const rows: [readonly TriggerName[], ReturnType<typeof askFor>][] = [
    [['follow-up', 'istio'], 'recent'],
    [['istio', 'poll'], 'poll'],
    [['istio', 'probation'], 'poll'],
    [['poll', 'reconcile'], 'fresh'],
    [['follow-up', 'reload'], 'fresh'],
    [['start'], 'fresh'],
  ];
  for (const [reasons, ask] of rows) {
    it(`asks the control plane as the most demanding trigger requires: ${reasons.join(' and ')}: ${ask}`, () => {
      assert.equal(askFor(reasons), ask);
    });
  }
});
