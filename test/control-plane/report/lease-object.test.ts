import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { leaseName, newLease } from '../../../src/control-plane/report/lease-object.ts';

describe("the Lease's name", () => {
  it('is a DNS-1123 label, from any host name', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: 'grapheme', maxLength: 300 }), fc.domain()), (host) => {
        assert.match(leaseName(host, 'id'), /^smm-agent-[a-z0-9]([a-z0-9-]*[a-z0-9])?-[0-9a-f]{8}$/);
        assert.ok(leaseName(host, 'id').length <= 63);
      }),
    );
  });

  it('is another one for another machine of the same name, and does not tell the machine id', () => {
    const id = '3f1c5d6e7a8b49c0a1b2c3d4e5f60718';
    assert.notEqual(leaseName('vm1', id), leaseName('vm1', 'other'));
    assert.equal(leaseName('vm1', `${id}\n`), leaseName('vm1', id));
    assert.doesNotMatch(leaseName('vm1', id), /3f1c5d6e/);
  });
});

describe("the Lease's annotations", () => {
  it('are short for any version that the control plane asks for: the admission policy refuses long ones', () => {
    const group = { namespace: 'vm-apps', name: 'reviews' };
    const versions = {
      agent: '1.0.0',
      agentWanted: `1.0.0-${'x'.repeat(5000)}`,
      istioRunning: null,
      istioStaged: null,
      istioWanted: null,
      restartPending: 'no',
      heldBy: null,
    } as const;
    const lease = newLease({ group, host: 'vm1', machineId: 'id' }, 'holder', versions, new Date(0));
    for (const value of Object.values(lease.metadata.annotations)) assert.ok(value.length <= 256);
  });
});
