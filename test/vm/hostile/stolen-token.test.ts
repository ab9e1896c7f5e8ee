/**
 * What a stolen token of one group can do to the mesh. istiod decodes all WorkloadEntries together: one that it cannot
 * read blinds it to every entry, and a restarted istiod never gets ready. So everything that the policy admits must
 * leave istiod seeing.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { shipped } from '../../control-plane/shipped.ts';
import type { Lab } from '../lab/lab.ts';
import { makeNamespace } from '../lab/mesh/cluster.ts';
import { startOwnLab } from '../lab/mesh/control-plane.ts';
import { portsOf, startIstiod } from '../lab/mesh/istiod.ts';
import type { KubeObject } from '../lab/mesh/kube.ts';
import { istiod } from '../lab/parts/go-parts.ts';
import { until } from '../lab/until.ts';
import { hostileStatus } from '../report/hostile-status.ts';

const APPS = 'vm-stolen';
const ENTRIES = `/apis/networking.istio.io/v1/namespaces/${APPS}/workloadentries`;
const ATTEMPTS = 2000;
const SIDE_BY_SIDE = 8;
const PATIENCE_MS = 30_000;
/**
 * Both are right for the CRD. Each was written by a token of the shipped manifests, and ended istiod's view of all
 * entries.
 */
const SEEN = [
  { type: 'SmmAgent', status: 'True', observedGeneration: 'x' },
  { type: 'SmmAgent', status: 'True', lastTransitionTime: '2026-01-01t00:00:00z' },
];

describe('a stolen token', () => {
  let lab: Lab;
  let end: () => Promise<void>;
  let token: string;

  before(async () => {
    // The other revision's istiod starts at the end of the test, on what the token has written.
    ({ lab, end } = await startOwnLab({ istiods: ['default'] }));
    await makeNamespace(lab.kube, APPS);
    for (const file of ['policy.yaml', 'cluster.yaml', 'istio-namespace.yaml', 'group.yaml']) {
      await lab.kube.applyObjects(await shipped(file, { 'vm-apps': APPS }));
    }
    token = await lab.kube.mintToken(APPS, 'smm-agent-reviews');
    await lab.kube.applyObjects([
      {
        apiVersion: 'networking.istio.io/v1',
        kind: 'ServiceEntry',
        metadata: { name: 'reviews', namespace: APPS },
        spec: {
          hosts: ['reviews.mesh'],
          location: 'MESH_INTERNAL',
          resolution: 'STATIC',
          ports: [{ number: 80, name: 'http', protocol: 'HTTP' }],
          workloadSelector: { labels: { app: 'reviews' } },
        },
      },
    ]);
    // A policy counts some time after it was written; until then each attempt succeeds, and the next has to change
    // something.
    const probe = await entry('probe', '10.9.255.1');
    let attempt = 0;
    const foreign = () => write(probe, { conditions: [{ type: `Other${attempt++}` }] });
    await until('the policy to count', foreign, PATIENCE_MS, isRefused);
  });
  after(() => end?.());

  const entry = async (name: string, address: string) => {
    const labels = { app: 'reviews' };
    const metadata = { name, namespace: APPS, labels: { 'smm-agent.io/workload-group': 'reviews' } };
    const object = { apiVersion: 'networking.istio.io/v1', kind: 'WorkloadEntry', metadata, spec: { address, labels } };
    await lab.kube.kube('POST', ENTRIES, object);
    return name;
  };
  const write = (name: string, status: object) =>
    lab.kube.ask(
      'PATCH',
      `${ENTRIES}/${name}/status`,
      { status },
      { token, contentType: 'application/merge-patch+json' },
    );
  /** Addresses of the service as this istiod would send them to proxies. */
  const seenBy = async (revision: 'default' | 'canary', address: string) => {
    const answer = await lab.tunnel.request(`http://127.0.0.1:${portsOf(revision).http}/debug/endpointShardz`);
    assert.equal(answer.status, 200, answer.body);
    return answer.body.includes(`"${address}"`);
  };

  it('cannot write the statuses that were seen to blind every istiod', async () => {
    const name = await entry('seen', '10.9.255.2');
    for (const condition of SEEN) {
      const { status, body } = await write(name, { conditions: [condition] });
      assert.equal(status, 403, JSON.stringify(body));
    }
  });

  it('leaves istiod seeing new entries, and starting, after every write that the policy admits', async (t) => {
    const statuses = fc.sample(hostileStatus, { numRuns: ATTEMPTS, seed: 9 });
    const answers = new Map<number, number>();
    let [admitted, next] = [0, 0];
    const attack = async (worker: number) => {
      let target: string | null = null;
      while (next < statuses.length) {
        const at = next++;
        // One that was written stays as it is: the next attempt has an entry of its own.
        target ??= await entry(`hostile-${at}`, `10.9.${at >> 8}.${at & 255}`);
        const { status, body } = await write(target, statuses[at] as object);
        answers.set(status, (answers.get(status) ?? 0) + 1);
        assert.ok([200, 400, 403, 422].includes(status), `${worker}: ${status} ${JSON.stringify(body)}`);
        if (status !== 200) continue;
        admitted++;
        target = null;
      }
    };
    await Promise.all(Array.from({ length: SIDE_BY_SIDE }, (_, worker) => attack(worker)));
    t.diagnostic(`${ATTEMPTS} statuses: ${JSON.stringify(Object.fromEntries(answers))}`);
    // Else the generator shows nothing.
    assert.ok(admitted > ATTEMPTS / 10, `${admitted} admitted`);
    assert.ok((answers.get(403) ?? 0) > ATTEMPTS / 10, `${answers.get(403)} refused by the policy`);

    await entry('new', '10.9.200.1');
    await until('istiod to see a new entry', () => seenBy('default', '10.9.200.1'), PATIENCE_MS, Boolean);
    const { ledger, tunnel, state } = lab;
    const program = await istiod();
    // Not ready within its time is what a mesh that lost its istiods would see.
    await startIstiod(ledger, tunnel, state.server, { revision: 'canary', program, folder: state.folder });
    await until('a new istiod to see it as well', () => seenBy('canary', '10.9.200.1'), PATIENCE_MS, Boolean);
  });
});

function isRefused({ status, body }: { status: number; body: KubeObject }): boolean {
  return status === 403 && /only the conditions/.test(body.message);
}
