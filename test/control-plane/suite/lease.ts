/** The heartbeat. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HeartbeatLease } from '../../../src/control-plane/report/lease.ts';
import type { KubeObject } from '../../sandbox/control-plane/object.ts';
import { SkippingClock } from '../../support/skipping-clock.ts';
import { type Fixture, versions } from '../fixture.ts';
import { makeMesh } from './mesh.ts';

const ADDRESSES = ['10.0.0.5'];

export function leaseCases(opened: () => Fixture): void {
  describe('the Lease', () => {
    it('is made, renewed at most once a minute, made again when it was deleted, and tells the versions', async () => {
      const { admin } = opened();
      const { group, apps, agent: make } = await makeMesh(opened(), 'l1', {});
      await using agent = await make();
      const clock = new SkippingClock();
      const machine = { group, host: 'VM_1.example.com', machineId: 'abc', clock };
      const lease = new HeartbeatLease(agent.client, machine);
      assert.match(lease.name, /^smm-agent-vm-1-example-com-[0-9a-f]{8}$/);
      const object: KubeObject = {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { name: lease.name, namespace: apps },
      };
      assert.deepEqual(await lease.heartbeat(versions, ADDRESSES), { outcome: 'created' });
      const made = await admin.get(object);
      clock.pass(59_000);
      assert.deepEqual(await lease.heartbeat(versions, ADDRESSES), { outcome: 'not-due' });
      clock.pass(1_000);
      const { requests } = agent.client.usage();
      assert.deepEqual(await lease.heartbeat({ ...versions, restartPending: 'no' }, ADDRESSES), { outcome: 'renewed' });
      assert.equal(agent.client.usage().requests, requests + 1);
      const renewed = await admin.get(object);
      assert.notEqual(renewed.spec?.renewTime, made.spec?.renewTime);
      assert.equal(renewed.spec?.acquireTime, made.spec?.acquireTime);
      assert.deepEqual(renewed.metadata.annotations, {
        'smm-agent.io/agent-version': '1.0.0',
        'smm-agent.io/agent-wanted': '1.0.1',
        'smm-agent.io/held-by': 'ConfigMap smm-agent',
        'smm-agent.io/istio-running': '1.30.5',
        'smm-agent.io/istio-staged': '1.31.1',
        'smm-agent.io/istio-wanted': '1.31.1',
        'smm-agent.io/restart-pending': 'no',
      });
      await admin.change(object, { metadata: { annotations: null, labels: null } });
      clock.pass(60_000);
      assert.deepEqual(await lease.heartbeat(versions, ADDRESSES), { outcome: 'renewed' });
      assert.equal((await admin.get(object)).metadata.labels?.['smm-agent.io/workload-group'], 'reviews');
      await admin.remove(object);
      clock.pass(60_000);
      assert.deepEqual(await lease.heartbeat(versions, ADDRESSES), { outcome: 'created' });
    });

    it('is left to a clone while that is alive, and taken over when it is not', async () => {
      const { group, agent: make } = await makeMesh(opened(), 'l2', {});
      await using agent = await make();
      const clock = new SkippingClock();
      const machine = { group, host: 'vm1', machineId: 'cloned', clock };
      const first = new HeartbeatLease(agent.client, machine);
      const clone = new HeartbeatLease(agent.client, machine);
      assert.equal(first.name, clone.name);
      assert.equal((await first.heartbeat(versions, ADDRESSES)).outcome, 'created');
      for (let minute = 0; minute < 7; minute += 1) {
        const held = await clone.heartbeat(versions, ['10.0.0.6']);
        assert.equal(held.outcome, 'held-by-other');
        assert.match('holder' in held ? held.holder : '', /^[0-9a-f]{64}@10\.0\.0\.5$/);
        clock.pass(60_000);
        assert.equal((await first.heartbeat(versions, ADDRESSES)).outcome, 'renewed');
      }
      const outcomes: string[] = [];
      for (let minute = 0; minute < 8; minute += 1) {
        outcomes.push((await clone.heartbeat(versions, ['10.0.0.6'])).outcome);
        clock.pass(60_000);
      }
      assert.deepEqual(outcomes, [...Array(5).fill('held-by-other'), 'taken-over', 'renewed', 'renewed']);
      assert.equal((await first.heartbeat(versions, ADDRESSES)).outcome, 'held-by-other');
    });

    it('is written at once when it is to say something else, and not again before its time', async () => {
      const { group, agent: make } = await makeMesh(opened(), 'l3', {});
      await using agent = await make();
      const clock = new SkippingClock();
      const lease = new HeartbeatLease(agent.client, { group, host: 'vm1', machineId: 'l3', clock });
      assert.equal((await lease.heartbeat(versions, ADDRESSES)).outcome, 'created');
      clock.pass(7_000);
      assert.equal((await lease.heartbeat({ ...versions, restartPending: 'no' }, ADDRESSES)).outcome, 'renewed');
      assert.equal((await lease.heartbeat({ ...versions, restartPending: 'no' }, ADDRESSES)).outcome, 'not-due');
      clock.pass(59_000);
      assert.equal((await lease.heartbeat({ ...versions, restartPending: 'no' }, ADDRESSES)).outcome, 'not-due');
    });

    it('is taken over from oneself at once: with an address, or with another one that the machine has as well', async () => {
      const { group, agent: make } = await makeMesh(opened(), 'l4', {});
      await using agent = await make();
      const clock = new SkippingClock();
      const machine = { group, host: 'vm1', machineId: 'l4', clock };
      // Each a process of its own, as after `smm-agent set node-ip`.
      const beat = async (...addresses: string[]) =>
        (await new HeartbeatLease(agent.client, machine).heartbeat(versions, addresses)).outcome;
      assert.equal(await beat(), 'created', 'as an agent of before this one, which knew no address without nodeIp');
      assert.equal(await beat('10.0.0.5', '10.0.0.5', 'fd00::5'), 'taken-over');
      assert.equal(await beat('192.0.2.1', '10.0.0.5', 'fd00::5'), 'taken-over');
      assert.equal(await beat('10.0.0.5', '10.0.0.5', 'fd00::5'), 'held-by-other', 'that address is on no interface');
      assert.equal(await beat('192.0.2.1', '10.0.0.5', 'fd00::5'), 'renewed');
    });

    it('is taken over at once by the machine that held it last in this boot, at any address', async () => {
      const { group, agent: make } = await makeMesh(opened(), 'l5', {});
      await using agent = await make();
      const clock = new SkippingClock();
      let noted: string | null = null;
      const note = {
        read: async () => noted,
        write: async (identity: string) => {
          noted = identity;
        },
      };
      const machine = { group, host: 'vm1', machineId: 'l5', clock };
      const lease = new HeartbeatLease(agent.client, { ...machine, note });
      assert.equal((await lease.heartbeat(versions, ['10.0.0.5'])).outcome, 'created');
      // DHCP.
      assert.equal((await lease.heartbeat(versions, ['10.0.0.9'])).outcome, 'taken-over');
      const next = new HeartbeatLease(agent.client, { ...machine, note });
      assert.equal((await next.heartbeat(versions, ['10.0.0.10'])).outcome, 'taken-over');
      // A clone has the disk, and another boot.
      const clone = new HeartbeatLease(agent.client, machine);
      assert.equal((await clone.heartbeat(versions, ['10.0.0.9'])).outcome, 'held-by-other');
    });

    it('is held by a clone only once that has renewed it: before that it may be oneself with the address of before', async () => {
      const { group, agent: make } = await makeMesh(opened(), 'l6', {});
      await using agent = await make();
      const clock = new SkippingClock();
      const machine = { group, host: 'vm1', machineId: 'l6', clock };
      const [before, after] = [new HeartbeatLease(agent.client, machine), new HeartbeatLease(agent.client, machine)];
      await before.heartbeat(versions, ['10.0.0.5']);
      const isAlive = async () => {
        const beat = await after.heartbeat(versions, ['10.0.0.6']);
        clock.pass(60_000);
        return beat.outcome === 'held-by-other' ? beat.isAlive : beat.outcome;
      };
      assert.deepEqual([await isAlive(), await isAlive()], [false, false]);
      await before.heartbeat(versions, ['10.0.0.5']);
      const seen: (boolean | string)[] = [];
      for (let minute = 0; minute < 6; minute += 1) seen.push(await isAlive());
      assert.deepEqual(seen, [...Array(5).fill(true), 'taken-over']);
    });
  });
}
