/**
 * The control plane's objects as the real istioctl makes them, on the real API server: what the agent makes of each.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { agentOn, type Fixture } from '../../control-plane/fixture.ts';
import type { KubeObject } from '../../sandbox/control-plane/object.ts';
import * as seed from '../../sandbox/control-plane/seed.ts';
import { manifest, tag, writeKubeconfig } from './istioctl-objects.ts';

const PLAIN = 'istio-system';
const WEST = 'istio-west';
const VERSION = '1.31.1';

interface Case {
  it: string;
  labels: Record<string, string>;
  istioNamespace?: string;
  tags?: string[];
  revision: string;
  /** Host and port of istiod. */
  istiod: string;
}

const CASES: Case[] = [
  {
    it: 'an installation without a revision',
    labels: { 'istio-injection': 'enabled' },
    revision: 'default',
    istiod: 'istiod.istio-system.svc:15012',
  },
  {
    it: 'a revision beside it',
    labels: { 'istio.io/rev': 'canary' },
    revision: 'canary',
    istiod: 'istiod-canary.istio-system.svc:15012',
  },
  {
    it: 'a tag',
    // A name that no other case of the suite uses: istioctl refuses a tag that a namespace asks for already.
    labels: { 'istio.io/rev': 'green' },
    tags: ['green', '--revision', 'canary', '--overwrite'],
    revision: 'canary',
    istiod: 'istiod-canary.istio-system.svc:15012',
  },
  {
    it: 'the tag "default"',
    labels: { 'istio-injection': 'enabled' },
    tags: ['default', '--revision', 'canary', '--overwrite'],
    revision: 'canary',
    istiod: 'istiod-canary.istio-system.svc:15012',
  },
  {
    it: 'a revision in another namespace',
    labels: { 'istio.io/rev': 'west' },
    istioNamespace: WEST,
    revision: 'west',
    istiod: 'istiod-west.istio-west.svc:15012',
  },
];

/** `istioctl` and `folder` are asked for when the cases begin. */
export function istioctlCases(istioctl: () => Promise<string>, folder: () => string): (opened: () => Fixture) => void {
  return (opened) => {
    describe('what istioctl installs', () => {
      const made: KubeObject[] = [];
      const apply = async (objects: KubeObject[]) => {
        const { admin } = opened();
        await admin.applyAll(objects);
        made.push(...objects);
        for (const deployment of objects.filter(({ kind }) => kind === 'Deployment')) {
          const { metadata, spec } = await admin.get(deployment);
          const { generation } = metadata as { generation?: number };
          const { replicas } = spec as { replicas: number };
          await admin.setStatus(deployment, seed.rolledOut(generation ?? 1, replicas));
        }
      };
      before(async () => {
        const program = await istioctl();
        for (const namespace of [PLAIN, WEST]) {
          await opened().admin.applyAll([...seed.namespace(namespace), seed.gateway('10.0.0.1', namespace)]);
        }
        await apply(await manifest(program));
        await apply(await manifest(program, '--revision', 'canary'));
        await apply(await manifest(program, '--revision', 'west', '--set', `values.global.istioNamespace=${WEST}`));
      });
      after(async () => {
        for (const object of made) await opened().admin.remove(object);
      });
      for (const [index, { it: what, labels, istioNamespace = PLAIN, tags, revision, istiod }] of CASES.entries()) {
        it(`is understood: ${what}`, async () => {
          const fixture = opened();
          const { admin, server, ca } = fixture;
          const group = { namespace: `apps-istioctl-${index}`, name: 'reviews' };
          await admin.applyAll([
            ...seed.namespace(group.namespace, labels),
            seed.workloadGroup(group.namespace, group.name),
          ]);
          if (tags !== undefined) {
            const kubeconfig = writeKubeconfig(folder(), { server, ca, token: admin.ownToken });
            const objects = await tag(await istioctl(), kubeconfig, ...tags);
            assert.notDeepEqual(objects, []);
            await apply(objects);
          }
          await using agent = await agentOn(fixture, { token: admin.ownToken, group, istioNamespace });
          const target = await agent.target.target();
          assert.ok(target.answer === 'wanted', JSON.stringify(target));
          assert.equal(`${target.revision.name} ${target.istioVersion}`, `${revision} ${VERSION}`);
          assert.match(target.inputs.mesh ?? '', new RegExp(`discoveryAddress: "?${istiod.replaceAll('.', '\\.')}`));
          assert.equal(target.inputs.istioNamespace, istioNamespace);
          assert.equal(typeof JSON.parse(target.inputs.injectorValues ?? '').global.hub, 'string');
        });
      }
    });
  };
}
