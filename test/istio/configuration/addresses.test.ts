import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { controlPlaneAddresses } from '../../../src/istio/configuration/addresses.ts';
import { discoveryAddress } from '../../../src/istio/configuration/discovery.ts';
import { knownValues } from '../../../src/istio/configuration/env/env-text.ts';
import type { VmInputs } from '../../../src/istio/configuration/inputs.ts';
import type { LocalConfiguration } from '../../../src/istio/configuration/local.ts';
import { renderVmFiles } from '../../../src/istio/configuration/render.ts';
import { annotated, someGroup, someInputs } from './cases.ts';

const NONE: LocalConfiguration = { env: {}, mesh: {} };
const inSpec = (text: string) => someGroup({ metadata: { annotations: { 'proxy.istio.io/config': text } } });

describe('the addresses of another control plane', () => {
  const table: [what: string, changes: Partial<VmInputs>, local: LocalConfiguration, address: string][] = [
    ['of a revision', { mesh: '' }, NONE, 'istiod-canary.istio-system.svc:15012'],
    ['of the unrevisioned install', { mesh: '', revision: 'default' }, NONE, 'istiod.istio-system.svc:15012'],
    ['of the mesh', { mesh: 'defaultConfig: {discoveryAddress: "mesh:1"}' }, NONE, 'mesh:1'],
    ['of the mesh in snake_case', { mesh: 'default_config: {discovery_address: "mesh:1"}' }, NONE, 'mesh:1'],
    [
      'empty in the mesh',
      { mesh: 'defaultConfig: {discoveryAddress: ""}' },
      NONE,
      'istiod-canary.istio-system.svc:15012',
    ],
    ['of an annotation', { workloadGroup: annotated({ discoveryAddress: 'ann:1' }) }, NONE, 'ann:1'],
    [
      'null in an annotation',
      { workloadGroup: annotated({ discoveryAddress: null }) },
      NONE,
      'istiod.istio-system.svc:15012',
    ],
    [
      'taken away by an annotation',
      { workloadGroup: annotated({ discoveryAddress: '' }) },
      NONE,
      'istiod.istio-system.svc:15012',
    ],
    ['of spec.metadata', { workloadGroup: inSpec('discoveryAddress: spec:1') }, NONE, 'spec:1'],
    ['PILOT_ADDRESS', { workloadGroup: annotated({ proxyMetadata: { PILOT_ADDRESS: 'pilot:1' } }) }, NONE, 'pilot:1'],
    ['of istio.mesh', {}, { env: {}, mesh: { discoveryAddress: 'own:1' } }, 'own:1'],
    ['of istio.env', {}, { env: { PILOT_ADDRESS: 'env:1' }, mesh: { discoveryAddress: 'own:1' } }, 'env:1'],
  ];
  for (const [what, changes, local, address] of table) {
    it(`are those that rendering has: ${what}`, () => {
      const inputs = someInputs(changes);
      const found = controlPlaneAddresses(inputs, local);
      assert.equal(found.discoveryAddress, address);
      const rendered = renderVmFiles(inputs, local);
      assert.equal(found.discoveryAddress, discoveryAddress({ ...rendered, sidecarEnv: '' }));
      const { CA_ADDR } = Object.fromEntries(knownValues(rendered.clusterEnv));
      assert.equal(found.caAddress, CA_ADDR ?? `${rendered.istiodHost}:15012`);
      assert.deepEqual([found.hosts, found.gatewayHostname], [rendered.hosts, rendered.gatewayHostname]);
    });
  }

  it('are refused where they are no plain words, and not where the machine sets its own', () => {
    for (const proxyConfig of [{ discoveryAddress: 'a b' }, { proxyMetadata: { PILOT_ADDRESS: 'a\nb' } }]) {
      const inputs = someInputs({ workloadGroup: annotated(proxyConfig) });
      assert.throws(() => controlPlaneAddresses(inputs, NONE), { code: 'SMM304' });
      const own = { env: { PILOT_ADDRESS: 'env:1' }, mesh: { discoveryAddress: 'own:1' } };
      assert.equal(controlPlaneAddresses(inputs, own).discoveryAddress, 'env:1');
    }
    const inputs = someInputs({ workloadGroup: annotated({ discoveryAddress: 5 }) });
    assert.throws(() => controlPlaneAddresses(inputs, NONE), { code: 'SMM303' });
  });
});
