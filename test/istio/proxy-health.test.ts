import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { type ProxyHealth, proxyHealth } from '../../src/istio/proxy-health.ts';

async function healthOf(ready: number, serverInfo: string): Promise<ProxyHealth> {
  const server = createServer((request, response) => {
    if (request.url === '/ready') response.writeHead(ready).end();
    else response.writeHead(200, { 'content-type': 'application/json' }).end(serverInfo);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    return await proxyHealth({ ready: [`${base}/ready`], serverInfo: [`${base}/server_info`] });
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

describe('the health of the proxy', () => {
  const cases: [string, number, string, ProxyHealth][] = [
    ['is ready when both say so', 200, '{"state":"LIVE","version":"x"}', { answer: 'ready' }],
    [
      'waits for the ready probe',
      503,
      '{"state":"LIVE"}',
      { answer: 'not-ready', reason: 'the ready probe answers 503' },
    ],
    ['waits for Envoy', 200, '{"state":"DRAINING"}', { answer: 'not-ready', reason: 'Envoy is DRAINING' }],
    ['does not guess', 200, 'oops', { answer: 'not-ready', reason: "Envoy's server_info cannot be understood" }],
  ];
  for (const [name, ready, info, expected] of cases) {
    it(name, async () => assert.deepEqual(await healthOf(ready, info), expected));
  }

  it('says how a proxy that is not there does not answer', async () => {
    const health = await proxyHealth({ ready: ['http://127.0.0.1:9/ready'], serverInfo: ['http://127.0.0.1:9/'] });
    assert.equal(health.answer, 'not-ready');
    assert.match(health.answer === 'not-ready' ? health.reason : '', /ECONNREFUSED/);
  });
});
