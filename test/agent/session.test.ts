import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { followUpMs } from '../../src/agent/session.ts';
import { misconfiguredStatus, type Status } from '../../src/agent/status.ts';

const NOW = new Date('2026-11-23T12:00:00Z');

/** Istio is up for so many seconds. */
function up(seconds: number, other: Partial<Status> = {}): Status {
  const status = misconfiguredStatus('1.0.0', 1, NOW, '');
  const since = new Date(NOW.getTime() - seconds * 1000).toISOString();
  return {
    ...status,
    ...other,
    istio: { ...status.istio, unit: { activeState: 'active', subState: 'running', since } },
  };
}

describe('a look that nothing triggers', () => {
  it('is due as long as istiod may still delete the entry of the connection before', () => {
    assert.ok(followUpMs(up(1), NOW));
    assert.ok(followUpMs(up(12), NOW));
    assert.equal(followUpMs(up(30), NOW), null);
  });

  it('is due while a started Istio has no entry yet, and not for ever', () => {
    const warnings = ['not reported: no WorkloadEntry of this machine is in namespace a'];
    assert.ok(followUpMs(up(60, { warnings }), NOW));
    assert.equal(followUpMs(up(600, { warnings }), NOW), null);
  });

  it('is due while a release settles', () => {
    assert.ok(followUpMs(up(600, { notDone: [{ step: 'confirm', reason: 'not ready yet' }] }), NOW));
  });
});
