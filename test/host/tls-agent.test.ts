import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { get } from 'node:https';
import { connect } from 'node:net';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { tlsAgent } from '../../src/host/tls-agent.ts';
import { makeCertificates } from '../sandbox/control-plane/certificate.ts';

const { ca, server } = makeCertificates(['both.example']);
/** Its queue holds two connections that are not accepted yet. */
const SERVER = `
  const { createServer } = require('node:https');
  const [cert, key] = JSON.parse(process.env.IDENTITY);
  const server = createServer({ cert, key }, (_, response) => response.end('here'));
  server.listen({ host: '127.0.0.1', port: 0, backlog: 1 }, () => console.log(server.address().port));
`;

describe('a name with an IPv4 and an IPv6 address', () => {
  it('is reached where IPv6 has no route and a handshake takes more than a quarter of a second', async () => {
    const env = { IDENTITY: JSON.stringify([server.certificate, server.key]) };
    const child = spawn(process.execPath, ['-e', SERVER], { env, stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      const [line] = (await once(child.stdout, 'data')) as [Buffer];
      const answer = ask(Number(line), await crowd(child, Number(line)));
      // The kernel drops the SYN meanwhile, and sends it again after a second: as slow as a handshake by satellite.
      await delay(500);
      child.kill('SIGCONT');
      assert.equal(await answer, 200);
    } finally {
      child.kill('SIGKILL');
    }
  });
});

/** Stops the server, and fills its queue. */
async function crowd(child: ChildProcess, port: number) {
  child.kill('SIGSTOP');
  const sockets = Array.from({ length: 4 }, () => connect(port, '127.0.0.1').on('error', () => {}));
  await Promise.all(sockets.slice(0, 2).map((socket) => once(socket, 'connect')));
  return sockets;
}

async function ask(port: number, others: Awaited<ReturnType<typeof crowd>>): Promise<number | undefined> {
  const agent = tlsAgent({ ca, proxy: null });
  const lookup = ((_: string, __: object, done: (error: null, addresses: object[]) => void) =>
    done(null, [
      { address: '127.0.0.1', family: 4 },
      // Documentation only (RFC 3849): it has no route anywhere.
      { address: '2001:db8::1', family: 6 },
    ])) as never;
  try {
    const request = get({ host: 'both.example', port, agent, lookup });
    const [response] = await once(request, 'response');
    response.resume();
    return response.statusCode;
  } finally {
    agent.destroy();
    for (const socket of others) socket.destroy();
  }
}
