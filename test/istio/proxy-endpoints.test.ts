import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { proxyEndpoints } from '../../src/istio/proxy-endpoints.ts';
import { proxyHealth } from '../../src/istio/proxy-health.ts';

const NO_UNIT = { variables: {}, files: [] };
const FILES = { clusterEnv: '', sidecarEnv: '', mesh: '' };

/** The ports of both questions. */
function ports(files: Partial<typeof FILES>, unit = NO_UNIT): (string | undefined)[] {
  const { ready, serverInfo } = proxyEndpoints({ ...FILES, ...files }, unit);
  return [ready[0], serverInfo[0]].map((url) => (url === undefined ? undefined : new URL(url).port));
}

describe('where the proxy of a release answers', () => {
  it("is at Istio's own ports, on either loopback address", () => {
    assert.deepEqual(proxyEndpoints(FILES, NO_UNIT), {
      ready: ['http://127.0.0.1:15020/healthz/ready', 'http://[::1]:15020/healthz/ready'],
      serverInfo: ['http://127.0.0.1:15000/server_info', 'http://[::1]:15000/server_info'],
    });
  });

  it("is at the ports of the release's mesh file, in either spelling", () => {
    assert.deepEqual(ports({ mesh: 'defaultConfig:\n  statusPort: 15029\n  proxyAdminPort: 15009\n' }), [
      '15029',
      '15009',
    ]);
    assert.deepEqual(ports({ mesh: 'defaultConfig: {status_port: "15029", proxy_admin_port: 15009}\n' }), [
      '15029',
      '15009',
    ]);
    assert.deepEqual(ports({ mesh: 'defaultConfig:\n  statusPort: null\n' }), ['15020', '15000']);
  });

  it('is at the ports of PROXY_CONFIG, which wins, wherever the start script takes that from', () => {
    const mesh = 'defaultConfig:\n  statusPort: 1\n  proxyAdminPort: 15009\n';
    const unit = { variables: { PROXY_CONFIG: 'statusPort: 2' }, files: [] };
    assert.deepEqual(ports({ mesh }, unit), ['2', '15009']);
    assert.deepEqual(ports({ mesh }, { ...unit, files: ["PROXY_CONFIG='statusPort: 3'\n"] as never[] }), [
      '3',
      '15009',
    ]);
    const sidecarEnv = "PROXY_CONFIG='statusPort: 4'\n";
    assert.deepEqual(ports({ mesh, sidecarEnv }, unit), ['4', '15009']);
    assert.deepEqual(ports({ mesh, sidecarEnv, clusterEnv: "PROXY_CONFIG='proxyAdminPort: 5'\n" }, unit), ['1', '5']);
  });

  it('has no status endpoint when statusPort is 0: not ready, and no port of another program is asked', async () => {
    const endpoints = proxyEndpoints({ ...FILES, mesh: 'defaultConfig:\n  statusPort: 0\n' }, NO_UNIT);
    assert.deepEqual(endpoints.ready, []);
    const health = await proxyHealth(endpoints);
    assert.match(health.answer === 'not-ready' ? health.reason : '', /statusPort is 0/);
  });

  it('is ::1 on a machine that has only IPv6 addresses, where Envoy listens on nothing else', async () => {
    const server = createServer((_, response) => void response.end('{"state":"LIVE"}'));
    server.listen(0, '::1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    try {
      const mesh = `defaultConfig:\n  statusPort: ${port}\n  proxyAdminPort: ${port}\n`;
      assert.deepEqual(await proxyHealth(proxyEndpoints({ ...FILES, mesh }, NO_UNIT)), { answer: 'ready' });
    } finally {
      server.close();
    }
  });

  it('is not another program that listens on the other loopback address', async () => {
    const proxy = createServer((_, response) => void response.end('{"state":"LIVE"}'));
    proxy.listen(0, '::1');
    await once(proxy, 'listening');
    const { port } = proxy.address() as AddressInfo;
    const other = createServer((_, response) => void response.writeHead(404).end());
    other.listen(port, '127.0.0.1');
    await once(other, 'listening');
    try {
      const mesh = `defaultConfig:\n  statusPort: ${port}\n  proxyAdminPort: ${port}\n`;
      assert.deepEqual(await proxyHealth(proxyEndpoints({ ...FILES, mesh }, NO_UNIT)), { answer: 'ready' });
    } finally {
      proxy.close();
      other.close();
    }
  });

  it('cannot be told from a mesh file that cannot be read', () => {
    assert.throws(() => ports({ mesh: 'defaultConfig: [\n' }), { code: 'SMM302' });
  });
});
