import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { rootCertificates } from 'node:tls';
import { pathsUnder } from '../../src/base/paths.ts';
import { HeartbeatLease } from '../../src/control-plane/report/lease.ts';
import { failedStatus } from '../../src/status/unseen.ts';
import { KubernetesControlPlane } from '../../src/turn/kubernetes-control-plane.ts';
import { agentOn, versions } from '../control-plane/fixture.ts';
import { Admin } from '../sandbox/control-plane/admin.ts';
import { EmbeddedApiServer } from '../sandbox/control-plane/api-server.ts';
import * as seed from '../sandbox/control-plane/seed.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { config } from '../support/observed.ts';
import { temporaryFolder } from '../support/temporary.ts';

it('asks a slow control plane once at a time: a poll gets the answer of a request that is under way', async () => {
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
  const plane = new KubernetesControlPlane(
    { ...given, controlPlane },
    { paths, machineId: '0'.repeat(32), clock: new ManualClock() },
  );
  const first = plane.target('fresh');
  await once(server, 'connection');
  const [second, fresh] = [plane.target('poll'), plane.target('fresh')];
  for (const connection of connections) connection.destroy();
  assert.equal((await first).answer, 'unreachable');
  assert.equal(await second, await first);
  await once(server, 'connection');
  for (const connection of connections) connection.destroy();
  assert.notEqual(await fresh, await first, 'who asks fresh gets an answer of their own');
  plane.close();
  server.close();
});

it("reports on the entry of the proxy's own address and network, and repeats a warning about the Lease", async () => {
  await using folder = await temporaryFolder();
  const server = new EmbeddedApiServer();
  await server.start();
  const admin = new Admin({ server: server.url, ca: server.ca, token: server.rights.adminToken });
  const given = config();
  const { namespace, name } = given.workloadGroup;
  const clock = new ManualClock();
  const machineId = '0'.repeat(32);
  const entry = seed.autoRegisteredEntry(namespace, name, '10.0.0.6', `${name}-10.0.0.6-net-b`);
  await admin.applyAll([
    ...seed.istioDefinitions(),
    ...seed.namespace(namespace),
    seed.workloadGroup(namespace, name),
    entry,
  ]);
  await writeFile(join(folder.path, 'ca.crt'), server.ca);
  await writeFile(join(folder.path, 'token'), admin.ownToken);
  const controlPlane = { ...given.controlPlane, server: server.url, caFile: '/ca.crt', tokenFile: '/token' };
  // The configuration has another address (smm-agent set node-ip), but the running proxy decides.
  const settings = { ...given, controlPlane, nodeIp: '192.0.2.1' };
  const plane = new KubernetesControlPlane(settings, { paths: pathsUnder(folder.path), machineId, clock });
  await using clone = await agentOn(
    { server: server.url, ca: server.ca },
    { token: admin.ownToken, group: given.workloadGroup },
  );
  try {
    const other = new HeartbeatLease(clone.client, { group: given.workloadGroup, host: hostname(), machineId, clock });
    assert.equal((await other.heartbeat(versions, ['10.0.0.5'])).outcome, 'created');
    const status = failedStatus(
      { agentVersion: '1.0.0', pid: 1, workloadGroup: given.workloadGroup },
      clock.now(),
      'x',
    );
    const report = () =>
      plane.report(status, { revisionGone: false, identity: { address: '10.0.0.6', network: 'net-b' } });
    const said = await report();
    assert.match(
      said.warnings.join('; '),
      /^Lease smm-agent-.* is held by [0-9a-f]{64}@10\.0\.0\.5: another machine, or this machine before its address changed;/,
    );
    clock.pass(5_000);
    assert.deepEqual(await report(), said, 'it was not due in this turn');
    clock.pass(60_000);
    await other.heartbeat(versions, ['10.0.0.5']);
    assert.match((await report()).warnings.join('; '), /^Lease smm-agent-.*: is this machine a clone of it\?$/);
    const { status: written } = await admin.get(entry);
    assert.ok(JSON.stringify(written).includes('SmmAgent'));
  } finally {
    plane.close();
    await server.stop();
  }
});
