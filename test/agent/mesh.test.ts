import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { it } from 'node:test';
import { rootCertificates } from 'node:tls';
import { Mesh } from '../../src/agent/mesh.ts';
import { pathsUnder } from '../../src/paths.ts';
import { temporaryFolder } from '../temporary.ts';
import { ManualClock } from './manual-clock.ts';
import { config } from './observed.ts';

it('asks a slow control plane one question at a time: a poll takes the answer that is on its way', async () => {
  await using folder = await temporaryFolder();
  const connections = new Set<Socket>();
  const server = createServer((socket) => void connections.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await writeFile(join(folder.path, 'ca.crt'), rootCertificates[0] ?? '');
  await writeFile(join(folder.path, 'token'), 'token');
  const given = config();
  const controlPlane = {
    ...given.controlPlane,
    server: `https://127.0.0.1:${port}`,
    caFile: '/ca.crt',
    tokenFile: '/token',
  };
  const paths = pathsUnder(folder.path);
  const mesh = new Mesh({ ...given, controlPlane }, { paths, machineId: '0'.repeat(32), clock: new ManualClock() });
  const first = mesh.target('anew');
  await once(server, 'connection');
  const [second, anew] = [mesh.target('poll'), mesh.target('anew')];
  for (const connection of connections) connection.destroy();
  assert.equal((await first).answer, 'unreachable');
  assert.equal(await second, await first);
  await once(server, 'connection');
  for (const connection of connections) connection.destroy();
  assert.notEqual(await anew, await first, 'who asks anew gets an answer of their own');
  mesh.close();
  server.close();
});
