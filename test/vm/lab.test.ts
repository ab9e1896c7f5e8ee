/** The lab itself: that what the other tests stand on is real, and works. */
import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { debFormat } from '../../src/istio/package/deb.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { must } from './lab/host/run.ts';
import { type Lab, openLab } from './lab/lab.ts';
import { bootMachine, type Machine } from './lab/machine/machine.ts';
import { BACKEND_PORT } from './lab/machine/mesh-files.ts';
import {
  configureIstio,
  findEntry,
  installIstio,
  isHealthy,
  joinMesh,
  makeGroup,
  untilServing,
} from './lab/machine/mesh-vm.ts';
import { ISTIO_NAMESPACE } from './lab/mesh/cluster.ts';
import { startOwnLab } from './lab/mesh/control-plane.ts';
import { setDeployment, setRolledOut, setTag } from './lab/mesh/revisions.ts';
import { DYING_ENVOY, makeIstioDeb } from './lab/parts/istio-package.ts';
import { startDownloads } from './lab/traffic/downloads.ts';
import { runLoad } from './lab/traffic/load.ts';
import { until } from './lab/until.ts';

/**
 * Its own, because it counts connections, kills the API server and changes versions; other test files run beside it.
 */
let lab: Lab;
let end: () => Promise<void>;
before(async () => {
  ({ lab, end } = await startOwnLab());
});
after(() => end());

describe('a machine that joins the mesh by hand', () => {
  const membership = { group: 'shop', namespace: 'lab-default', revision: 'default' } as const;
  let machine: Machine;
  before(async () => {
    machine = await bootMachine(lab, { name: 'lab-one' });
    await joinMesh(lab, machine, { ...membership, version: '1.31.0', envoy: '1.39.3' });
  });
  after(() => machine.stop());

  it('is answered for by Envoy', async () => {
    const answer = await lab.tunnel.request(`http://${machine.address}:${BACKEND_PORT}/`);
    assert.deepEqual([answer.status, answer.headers.server, answer.body], [200, 'istio-envoy', 'hello from lab-one\n']);
  });

  it('runs the packaged programs, which say their versions', async () => {
    const programs = (await machine.processesOf('istio')).map(({ exe }) => exe);
    assert.deepEqual(programs.toSorted(), ['/usr/bin/sudo', '/usr/local/bin/envoy', '/usr/local/bin/pilot-agent']);
    const version = JSON.parse(await machine.sh('pilot-agent version -o json 2>/dev/null')) as {
      clientVersion: { version: string };
    };
    assert.equal(version.clientVersion.version, '1.31.0');
    const info = JSON.parse(await machine.sh('curl -s http://127.0.0.1:15000/server_info')) as {
      version: string;
      state: string;
    };
    assert.match(info.version, /\/1\.39\.3\//);
    assert.equal(info.state, 'LIVE');
  });

  it('is connected to the istiod of its revision, and to no other', async () => {
    const connected = async (): Promise<number[]> => [
      await lab.connectedTo('default'),
      await lab.connectedTo('canary'),
    ];
    await until('the connection to be counted', connected, 20_000, ([own = 0, other = 0]) => own >= 1 && other === 0);
  });

  it('accepts all the configuration that istiod sends', async () => {
    const stats = await machine.sh("curl -s 'http://127.0.0.1:15000/stats?filter=(cds|lds).update_(rejected|success)'");
    const counts = Object.fromEntries(
      stats
        .trim()
        .split('\n')
        .map((line) => line.split(': ') as [string, string]),
    );
    assert.equal(counts['listener_manager.lds.update_rejected'], '0', stats);
    assert.equal(counts['cluster_manager.cds.update_rejected'], '0', stats);
    assert.notEqual(counts['listener_manager.lds.update_success'], '0', stats);
  });

  it('serves 100 connections and 500 requests a second without a loss', async () => {
    const url = `http://${machine.address}:${BACKEND_PORT}/`;
    const result = await runLoad(lab, { url, connections: 100, requestsPerSecond: 500, seconds: 4 });
    assert.deepEqual([result.errors, result.closed], [0, 0], JSON.stringify(result));
    assert.ok(result.seconds > 3.9 && result.requests > 500 * result.seconds * 0.8, JSON.stringify(result));
    assert.deepEqual(Object.keys(result.servers), ['istio-envoy']);
  });

  it('comes back after a reboot and after a power cut when Istio is enabled', async () => {
    await machine.sh('systemctl enable istio');
    for (const interruption of [() => machine.reboot(), () => machine.powerCut()]) {
      const before = await machine.readFile('/proc/sys/kernel/random/boot_id');
      await interruption();
      assert.notEqual(await machine.readFile('/proc/sys/kernel/random/boot_id'), before);
      await untilServing(lab, machine, membership);
    }
  });

  it('becomes unhealthy for istiod when its workload is down', async () => {
    await machine.sh(`systemctl stop lab-backend@${BACKEND_PORT}`);
    const entry = () => findEntry(lab, membership.namespace, membership.group, machine);
    await until(
      'the entry to be unhealthy',
      async () => isHealthy(await entry()),
      30_000,
      (healthy) => !healthy,
    );
    await machine.sh(`systemctl start lab-backend@${BACKEND_PORT}`);
    await until('the entry to be healthy', async () => isHealthy(await entry()), 30_000);
  });
});

describe('two machines side by side', () => {
  it('have networks, cgroups and names of their own, and may be in different revisions', async () => {
    const machines = await Promise.all(['lab-left', 'lab-right'].map((name) => bootMachine(lab, { name })));
    const [left, right] = machines as [Machine, Machine];
    try {
      const atFirst = await lab.connectedTo('canary');
      await Promise.all([
        joinMesh(lab, left, { group: 'left', namespace: 'lab-default', revision: 'default' }),
        joinMesh(lab, right, {
          group: 'right',
          namespace: 'lab-canary',
          revision: 'canary',
          version: '1.31.1',
          envoy: '1.40.0',
        }),
      ]);
      await until(
        'canary to count one more',
        () => lab.connectedTo('canary'),
        20_000,
        (count) => count === atFirst + 1,
      );
      assert.equal((await left.sh('hostname')).trim(), 'lab-left');
      assert.match(await right.sh('curl -s http://127.0.0.1:15000/server_info'), /\/1\.40\.0\//);
      await left.sh('systemctl stop istio');
      assert.deepEqual(await left.pidsOf('istio'), []);
      assert.equal((await right.pidsOf('istio')).length, 3);
    } finally {
      for (const machine of machines) await machine.stop();
    }
  });
});

describe('the control plane', () => {
  it('keeps its objects when the API server is killed and started again', async () => {
    await lab.stopApiServer('SIGKILL');
    await assert.rejects(lab.kube.ask('GET', '/readyz'));
    await lab.startApiServer();
    assert.equal((await lab.kube.ask('GET', `/api/v1/namespaces/${ISTIO_NAMESPACE}`)).status, 200);
  });

  it('shows an upgrade of istiod that is under way, and its end', async () => {
    const path = `/apis/apps/v1/namespaces/${ISTIO_NAMESPACE}/deployments/istiod-canary`;
    await setDeployment(lab.kube, 'canary', '1.31.9');
    const underWay = await lab.kube.kube('GET', path);
    assert.ok(underWay.status.observedGeneration < underWay.metadata.generation);
    await setRolledOut(lab.kube, 'canary', '1.31.0');
    const done = await lab.kube.kube('GET', path);
    assert.equal(done.status.observedGeneration, done.metadata.generation);
  });

  it('has tags of both kinds, and enforces rights and admission policies', async () => {
    await setTag(lab.kube, 'lab-prod', 'canary', 'service');
    await setTag(lab.kube, 'lab-prod-hook', 'canary', 'webhook');
    const token = await lab.kube.mintToken(ISTIO_NAMESPACE, 'default');
    assert.equal((await lab.kube.ask('GET', '/api/v1/namespaces', undefined, { token })).status, 403);
    assert.equal((await lab.kube.ask('GET', '/api/v1/namespaces', undefined, { token: 'nobody' })).status, 401);
    await refuseConfigMapsNamedForbidden();
    const body = { metadata: { name: 'forbidden' } };
    const create = () => lab.kube.ask('POST', `/api/v1/namespaces/${ISTIO_NAMESPACE}/configmaps?dryRun=All`, body);
    await until(
      'the policy to be enforced',
      async () => (await create()).status,
      20_000,
      (status) => status === 422,
    );
  });
});

describe('the packages', () => {
  it('can be had in every compression, with a version that Debian accepts, and the agent unpacks each', async () => {
    for (const [compression, member] of [
      ['gzip', 'data.tar.gz'],
      ['xz', 'data.tar.xz'],
      ['zstd', 'data.tar.zst'],
      ['none', 'data.tar'],
    ] as const) {
      const deb = await makeIstioDeb({ version: '1.31.0-rc.0', envoy: '1.40.0', compression });
      assert.ok((await must(['ar', 't', deb])).split('\n').includes(member), compression);
      assert.equal((await must(['dpkg-deb', '--field', deb, 'Version'])).trim(), '1.31.0rc.0');
      await using folder = await temporaryFolder();
      const envoy = { path: join(folder.path, 'envoy'), mode: 0o755 };
      const unpacked = await debFormat.unpack(deb, { envoy });
      assert.equal((await stat(envoy.path)).size, unpacked.envoy.size, compression);
    }
  });

  it('can be bad: one whose Envoy dies makes Istio end again and again', async () => {
    const machine = await bootMachine(lab, { name: 'lab-bad' });
    try {
      const membership = { group: 'bad', namespace: 'lab-default', revision: 'default' } as const;
      await makeGroup(lab, membership);
      const bad = { version: '1.31.1', envoy: '1.40.0', mutation: DYING_ENVOY } as const;
      await installIstio(machine, await makeIstioDeb({ ...bad, layout: 'dpkg' }));
      await configureIstio(lab, machine, membership);
      await machine.sh('systemctl start istio');
      const restarts = async (): Promise<number> => Number(await machine.sh('systemctl show -P NRestarts istio'));
      await until('systemd to start it again', restarts, 40_000, (count) => count >= 2);
    } finally {
      await machine.stop();
    }
  });
});

describe('the download server', () => {
  it('serves packages in the official layout, and misbehaves when told to', async () => {
    const shared = openLab();
    const downloads = await startDownloads(shared);
    try {
      downloads.publish('1.31.0', await makeIstioDeb({ version: '1.31.0', envoy: '1.39.3' }));
      const digest = await shared.tunnel.request(`${downloads.url}/1.31.0/deb/istio-sidecar.deb.sha256`);
      assert.match(digest.body, /^[0-9a-f]{64} istio-sidecar\.deb\n$/);
      const part = await shared.tunnel.request(`${downloads.url}/1.31.0/deb/istio-sidecar.deb`, {
        headers: { range: 'bytes=0-7' },
      });
      assert.deepEqual([part.status, part.body], [206, '!<arch>\n']);
      downloads.setFaults([
        { path: '\\.deb$', kind: 'status', status: 503, headers: { 'retry-after': '3' }, times: 1 },
      ]);
      const busy = await shared.tunnel.request(`${downloads.url}/1.31.0/deb/istio-sidecar.deb`);
      assert.deepEqual([busy.status, busy.headers['retry-after']], [503, '3']);
      downloads.setFaults([{ path: '\\.deb$', kind: 'cut', afterBytes: 1_000_000 }]);
      await assert.rejects(shared.tunnel.request(`${downloads.url}/1.31.0/deb/istio-sidecar.deb`));
      assert.equal(downloads.requests().length, 4);
    } finally {
      await downloads.stop();
    }
  });
});

async function refuseConfigMapsNamedForbidden(): Promise<void> {
  await lab.kube.applyObjects([
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicy',
      metadata: { name: 'lab-forbidden' },
      spec: {
        failurePolicy: 'Fail',
        matchConstraints: {
          resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps'] }],
        },
        validations: [{ expression: "object.metadata.name != 'forbidden'" }],
      },
    },
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata: { name: 'lab-forbidden' },
      spec: { policyName: 'lab-forbidden', validationActions: ['Deny'] },
    },
  ]);
}
