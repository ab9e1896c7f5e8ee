import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { proxyIdentity } from '../../src/istio/proxy-environment.ts';

const NO_UNIT = { variables: {}, files: [] };
const FILES = { clusterEnv: '', sidecarEnv: '', mesh: '' };
const identity = (files: Partial<typeof FILES>, unit: { variables?: Record<string, string>; files?: string[] } = {}) =>
  proxyIdentity({ ...FILES, ...files }, { ...NO_UNIT, ...unit });

describe('how the mesh knows the machine', () => {
  it('is left to the machine where nothing is set, with no network', async () => {
    assert.deepEqual(await identity({}), { address: null, network: '' });
  });

  for (const [key, field, right, wrong] of [
    ['ISTIO_SVC_IP', 'address', '10.0.0.7', '10.0.0.8'],
    ['ISTIO_META_NETWORK', 'network', 'net-b', 'net-a'],
  ] as const) {
    it(`is told by ${key} in cluster.env, else in sidecar.env, else by the unit's files, else by the unit`, async () => {
      const [yes, no] = [`${key}=${right}\n`, `${key}=${wrong}\n`];
      const unit = { variables: { [key]: wrong }, files: [no] };
      assert.equal((await identity({}, { variables: { [key]: right } }))[field], right);
      assert.equal((await identity({}, { ...unit, files: [no, yes] }))[field], right);
      assert.equal((await identity({ sidecarEnv: yes }, unit))[field], right);
      assert.equal((await identity({ sidecarEnv: no, clusterEnv: yes }, unit))[field], right);
    });
  }

  it('has the address as pilot-agent prints it, and none where that takes it for no address', async () => {
    assert.equal((await identity({ clusterEnv: 'ISTIO_SVC_IP=2001:DB8:0:0::1\n' })).address, '2001:db8::1');
    assert.equal((await identity({ clusterEnv: 'ISTIO_SVC_IP=vm1.example.com\n' })).address, null);
    // The start script's own `[ -z ]`: an empty value is none.
    assert.equal(
      (await identity({ clusterEnv: "ISTIO_SVC_IP=''\n", sidecarEnv: 'ISTIO_SVC_IP=10.0.0.7\n' })).address,
      null,
    );
  });

  it('is not guessed where only a shell could tell', async () => {
    const sidecarEnv = 'ISTIO_SVC_IP=$(hostname -I | cut -d" " -f2)\nISTIO_META_NETWORK=$(cat /etc/network-name)\n';
    const unit = { variables: { ISTIO_SVC_IP: '10.0.0.8', ISTIO_META_NETWORK: 'net-a' } };
    assert.deepEqual(await identity({ sidecarEnv }, unit), { address: null, network: null });
  });

  it('has the network of proxyMetadata where the environment has none, and an empty one of the environment wins', async () => {
    const mesh = 'defaultConfig:\n  proxyMetadata:\n    ISTIO_META_NETWORK: net-m\n';
    assert.equal((await identity({ mesh })).network, 'net-m');
    const variables = { PROXY_CONFIG: 'proxyMetadata: {ISTIO_META_NETWORK: net-p}' };
    assert.equal((await identity({ mesh }, { variables })).network, 'net-p');
    assert.equal((await identity({ mesh, clusterEnv: "ISTIO_META_NETWORK=''\n" })).network, '');
    assert.equal((await identity({ mesh: 'ISTIO_META_NETWORK: [\n' })).network, null);
  });
});
