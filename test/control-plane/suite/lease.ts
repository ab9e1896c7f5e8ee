/** The heartbeat. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HeartbeatLease } from '../../../src/control-plane/lease.ts';
import type { KubeObject } from '../../sandbox/control-plane/store.ts';
import { type Fixture, versions } from '../fixture.ts';
import { SkippingClock } from '../skipping-clock.ts';
import { makeMesh } from './mesh.ts';

export function leaseCases(opened: () => Fixture): void {
  describe('the Lease', () => {
    it('is made, renewed at most once a minute, made again when it was deleted, and tells the versions', async () => {
      const { admin } = opened();
      const { group, apps, agent: make } = await makeMesh(opened(), 'l1', {});
      await using agent = await make();
      const clock = new SkippingClock();
      const machine = { group, host: 'VM_1.example.com', machineId: 'abc', address: '10.0.0.5', clock };
      const lease = new HeartbeatLease(agent.client, machine);
      assert.match(lease.name, /^smm-agent-vm-1-example-com-[0-9a-f]{8}$/);
      const object: KubeObject = {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { name: lease.name, namespace: apps },
      };
      assert.deepEqual(await lease.heartbeat(versions), { outcome: 'created' });
      const made = await admin.get(object);
      clock.pass(59_000);
      assert.deepEqual(await lease.heartbeat(versions), { outcome: 'not-due' });
      clock.pass(1_000);
      const { requests } = agent.client.usage();
      assert.deepEqual(await lease.heartbeat({ ...versions, restartPending: 'no' }), { outcome: 'renewed' });
      assert.equal(agent.client.usage().requests, requests + 1);
      const renewed = await admin.get(object);
      assert.notEqual(renewed.spec?.renewTime, made.spec?.renewTime);
      assert.equal(renewed.spec?.acquireTime, made.spec?.acquireTime);
      assert.deepEqual(renewed.metadata.annotations, {
        'smm-agent.io/agent-version': '1.0.0',
        'smm-agent.io/agent-wanted': '1.0.1',
        'smm-agent.io/istio-running': '1.30.5',
        'smm-agent.io/istio-staged': '1.31.1',
        'smm-agent.io/istio-wanted': '1.31.1',
        'smm-agent.io/restart-pending': 'no',
      });
      await admin.change(object, { metadata: { annotations: null, labels: null } });
      clock.pass(60_000);
      assert.deepEqual(await lease.heartbeat(versions), { outcome: 'renewed' });
      assert.equal((await admin.get(object)).metadata.labels?.['smm-agent.io/workload-group'], 'reviews');
      await admin.remove(object);
      clock.pass(60_000);
      assert.deepEqual(await lease.heartbeat(versions), { outcome: 'created' });
    });

    it('is left to a clone while that is alive, and taken over when it is not', async () => {
      const { group, agent: make } = await makeMesh(opened(), 'l2', {});
      await using agent = await make();
      const clock = new SkippingClock();
      const machine = { group, host: 'vm1', machineId: 'cloned', clock };
      const first = new HeartbeatLease(agent.client, { ...machine, address: '10.0.0.5' });
      const clone = new HeartbeatLease(agent.client, { ...machine, address: '10.0.0.6' });
      assert.equal(first.name, clone.name);
      assert.equal((await first.heartbeat(versions)).outcome, 'created');
      for (let minute = 0; minute < 7; minute += 1) {
        const held = await clone.heartbeat(versions);
        assert.equal(held.outcome, 'held-by-other');
        assert.match('holder' in held ? held.holder : '', /^[0-9a-f]{64}@10\.0\.0\.5$/);
        clock.pass(60_000);
        assert.equal((await first.heartbeat(versions)).outcome, 'renewed');
      }
      const outcomes: string[] = [];
      for (let minute = 0; minute < 8; minute += 1) {
        outcomes.push((await clone.heartbeat(versions)).outcome);
        clock.pass(60_000);
      }
      assert.deepEqual(outcomes, [...Array(5).fill('held-by-other'), 'taken-over', 'renewed', 'renewed']);
      assert.equal((await first.heartbeat(versions)).outcome, 'held-by-other');
    });
  });
}
