/** Namespace to revision to version: every kind of installation, and every way of not knowing. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KubeObject } from '../../sandbox/control-plane/object.ts';
import * as seed from '../../sandbox/control-plane/seed.ts';
import type { Fixture } from '../fixture.ts';
import { makeMesh } from './mesh.ts';

interface Case {
  it: string;
  /** Labels of the group's namespace; the function form is for those that name a namespace of the case. */
  labels: Record<string, string> | ((istio: string) => Record<string, string>);
  objects: (istio: string, apps: string) => KubeObject[];
  /**
   * `<revision> <version> <suffix of object names>` ({istio}: its namespace), or the other answer and what its reason
   * says.
   */
  expect: string | [answer: string, reason: RegExp];
}

const plain = (version: string) => (namespace: string) => seed.controlPlane({ name: 'default', version, namespace });
const canary = (version: string) => (namespace: string) => seed.controlPlane({ name: 'canary', version, namespace });
const PRIVATE = 'registry.example.com/mesh/pilot:2026-11';
const DIGEST = `docker.io/istio/pilot@sha256:${'a'.repeat(64)}`;

const CASES: Case[] = [
  {
    it: 'reads a plain install',
    labels: { 'istio-injection': 'enabled' },
    objects: plain('1.31.1'),
    expect: 'default 1.31.1 ',
  },
  {
    it: 'reads a revisioned install',
    labels: { 'istio.io/rev': 'canary' },
    objects: canary('1.31.0'),
    expect: 'canary 1.31.0 canary',
  },
  {
    it: 'lets istio-injection=enabled win over istio.io/rev',
    labels: { 'istio-injection': 'enabled', 'istio.io/rev': 'canary' },
    objects: (istio) => [...plain('1.30.5')(istio), ...canary('1.31.0')(istio)],
    expect: 'default 1.30.5 ',
  },
  {
    it: 'takes any other value of istio-injection for no',
    labels: { 'istio-injection': 'disabled', 'istio.io/rev': 'canary' },
    objects: canary('1.31.0'),
    expect: ['missing', /istio-injection is "disabled"/],
  },
  {
    it: 'says that a namespace asks for nothing',
    labels: {},
    objects: canary('1.31.0'),
    expect: ['missing', /asks for no Istio/],
  },
  {
    it: 'follows a tag that is a Service',
    labels: { 'istio.io/rev': 'prod' },
    objects: (istio) => [...canary('1.31.0')(istio), seed.tagService('prod', 'canary', istio)],
    expect: 'canary 1.31.0 canary',
  },
  {
    it: 'follows a tag that is a webhook',
    labels: { 'istio.io/rev': 'prod' },
    objects: (istio) => [...canary('1.31.0')(istio), seed.tagWebhook('prod', 'canary', istio)],
    expect: 'canary 1.31.0 canary',
  },
  {
    it: 'passes over the tag of another mesh in the same cluster',
    labels: { 'istio.io/rev': 'prod' },
    objects: (istio) => [...canary('1.31.0')(istio), seed.tagWebhook('prod', 'canary', `other-${istio}`)],
    expect: ['missing', /revision "prod" is not in this cluster/],
  },
  {
    it: 'does nothing where Service and webhook disagree',
    labels: { 'istio.io/rev': 'prod' },
    objects: (istio) => [
      ...canary('1.31.0')(istio),
      ...plain('1.30.5')(istio),
      seed.tagService('prod', 'canary', istio),
      seed.tagWebhook('prod', 'default', istio),
    ],
    expect: ['ambiguous', /Services name canary, webhooks name default/],
  },
  {
    it: 'says that a tag names a revision which is gone',
    labels: { 'istio.io/rev': 'prod' },
    objects: (istio) => [seed.tagWebhook('prod', 'old', istio)],
    expect: ['missing', /the tag prod names revision "old"/],
  },
  {
    it: 'prefers the tag "default" to the unrevisioned install',
    labels: { 'istio-injection': 'enabled' },
    objects: (istio) => [
      ...plain('1.30.5')(istio),
      ...canary('1.31.0')(istio),
      seed.tagWebhook('default', 'canary', istio),
    ],
    expect: 'canary 1.31.0 canary',
  },
  {
    it: 'takes the default revision from the validator where there is neither',
    labels: { 'istio-injection': 'enabled' },
    objects: (istio) => [...canary('1.31.0')(istio), seed.defaultValidator('canary')],
    expect: 'canary 1.31.0 canary',
  },
  {
    it: "follows Service Mesh Manager's revision to its namespace and wanted version",
    labels: (istio) => ({ 'istio.io/rev': `cp-v115x.${istio}` }),
    objects: (istio) => [
      seed.serviceMeshManagerDefinition(),
      seed.istioControlPlane('cp.v115x', istio, '1.31.1'),
      ...seed.controlPlane({
        name: `cp-v115x.${istio}`,
        suffix: 'cp-v115x',
        namespace: istio,
        version: '1.31.1',
        image: 'registry.example.com/istio-pilot:v1.31.1-smm.2',
        injectorTag: 'v1.31.1-smm.2',
        versionLabel: null,
      }),
    ],
    expect: 'cp-v115x.{istio} 1.31.1 cp-v115x',
  },
  {
    it: "waits while Service Mesh Manager's control plane is not what is wanted",
    labels: (istio) => ({ 'istio.io/rev': `cp-v115x.${istio}` }),
    objects: (istio) => [
      seed.serviceMeshManagerDefinition(),
      seed.istioControlPlane('cp-v115x', istio, '1.31.1'),
      ...seed.controlPlane({ name: `cp-v115x.${istio}`, suffix: 'cp-v115x', namespace: istio, version: '1.30.5' }),
    ],
    expect: ['unsettled', /runs 1\.30\.5, and its IstioControlPlane wants 1\.31\.1/],
  },
  {
    it: "asks Sail's IstioRevision where nothing else names a version",
    labels: { 'istio.io/rev': 'default-v1-31-0' },
    objects: (istio) => [
      seed.sailDefinition(),
      seed.istioRevision('default-v1-31-0', 'v1.31.0'),
      ...seed.controlPlane({
        name: 'default-v1-31-0',
        version: '1.31.0',
        namespace: istio,
        image: DIGEST,
        versionLabel: null,
        injectorTag: null,
      }),
    ],
    expect: 'default-v1-31-0 1.31.0 default-v1-31-0',
  },
  {
    it: 'takes the label for an image that is named by digest',
    labels: { 'istio.io/rev': 'canary' },
    objects: (namespace) =>
      seed.controlPlane({ name: 'canary', version: '1.31.0', namespace, image: DIGEST, injectorTag: null }),
    expect: 'canary 1.31.0 canary',
  },
  {
    it: "takes the injector's tag for a private image",
    labels: { 'istio.io/rev': 'canary' },
    objects: (namespace) =>
      seed.controlPlane({ name: 'canary', version: '1.28.3', namespace, image: PRIVATE, versionLabel: null }),
    expect: 'canary 1.28.3 canary',
  },
  {
    it: 'takes distroless and debug for the version itself',
    labels: { 'istio.io/rev': 'canary' },
    objects: (namespace) =>
      seed.controlPlane({
        name: 'canary',
        version: '1.31.0',
        namespace,
        image: 'docker.io/istio/pilot:1.31.0-distroless',
        injectorTag: '1.31.0-debug',
      }),
    expect: 'canary 1.31.0 canary',
  },
  {
    it: 'says that no source names a version',
    labels: { 'istio.io/rev': 'canary' },
    objects: (namespace) =>
      seed.controlPlane({
        name: 'canary',
        version: '1.31.0',
        namespace,
        image: DIGEST,
        versionLabel: null,
        injectorTag: null,
      }),
    expect: ['missing', /the version of istiod-canary is not known/],
  },
  {
    it: 'waits while Deployment and injector disagree',
    labels: { 'istio.io/rev': 'canary' },
    objects: (namespace) => seed.controlPlane({ name: 'canary', version: '1.31.0', namespace, injectorTag: '1.31.1' }),
    expect: ['unsettled', /runs 1\.31\.0, and the injector's values say 1\.31\.1/],
  },
  {
    it: 'does nothing for a group that istiod ignores',
    labels: { 'istio.io/rev': 'canary' },
    objects: (istio, apps) => {
      const group = seed.workloadGroup(apps, 'reviews');
      group.metadata.labels = { 'istio.io/rev': 'stable' };
      return [...canary('1.31.0')(istio), group];
    },
    expect: ['ambiguous', /has the label istio\.io\/rev=stable/],
  },
  {
    it: 'says that the revision is unknown',
    labels: { 'istio.io/rev': 'nothing' },
    objects: canary('1.31.0'),
    expect: ['missing', /revision "nothing" is not in this cluster/],
  },
];

const LACKING = [
  ['istio-ca-root-cert', 'rootCert'],
  ['istio-sidecar-injector', 'injectorValues'],
  ['istio', 'mesh'],
] as const;

export function targetCases(opened: () => Fixture): void {
  describe('the target', () => {
    for (const [index, { it: sentence, labels, objects, expect }] of CASES.entries()) {
      it(sentence, async () => {
        const { admin } = opened();
        const istio = `istio-t${index}`;
        const mesh = await makeMesh(opened(), `t${index}`, typeof labels === 'function' ? labels(istio) : labels);
        const made = objects(mesh.istio, mesh.apps);
        await admin.applyAll(made);
        await using agent = await mesh.agent();
        const target = await agent.target.target();
        await Promise.all(made.filter(isClusterWide).map((object) => admin.remove(object)));
        if (Array.isArray(expect)) {
          assert.equal(target.answer, expect[0], JSON.stringify(target));
          assert.ok('reason' in target);
          assert.match(target.reason, expect[1]);
          return;
        }
        assert.equal(target.answer, 'wanted', JSON.stringify(target));
        assert.ok(target.answer === 'wanted');
        const { revision, istioVersion, inputs } = target;
        assert.equal(`${revision.name} ${istioVersion} ${inputs.revision}`, expect.replace('{istio}', istio));
        assert.equal(inputs.istioNamespace, istio);
        assert.equal(inputs.internalIP, '10.0.0.5');
        assert.match(inputs.mesh ?? '', /discoveryAddress: istiod/);
        assert.match(inputs.rootCert ?? '', /BEGIN CERTIFICATE/);
        assert.ok(inputs.gateway?.status, 'the gateway with its address');
      });
    }

    // ClusterTrustBundle or istio-csr instead of the ConfigMap, omitSidecarInjectorConfigMap, and a mesh of another
    // tool's.
    for (const [index, [name, field]] of LACKING.entries()) {
      it(`needs ConfigMap ${name} for a machine that is rendered, and not for one that keeps its own configuration`, async () => {
        const { admin } = opened();
        const { istio, apps, agent } = await makeMesh(opened(), `tl${index}`, { 'istio-injection': 'enabled' });
        await admin.applyAll(plain('1.31.1')(istio));
        const namespace = field === 'rootCert' ? apps : istio;
        await admin.remove({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace } });
        await using rendering = await agent();
        await using keeping = await agent({ keeps: true });
        const reason = new RegExp(`^ConfigMap ${name} is not in namespace ${namespace}`);
        const missing = await rendering.target.target();
        assert.ok(missing.answer === 'missing');
        assert.match(missing.reason, reason);
        const wanted = await keeping.target.target();
        assert.ok(wanted.answer === 'wanted', JSON.stringify(wanted));
        assert.deepEqual(Object.keys(wanted.inputs.lacking ?? {}), [field]);
        assert.match(wanted.inputs.lacking?.[field] ?? '', reason);
        assert.equal(wanted.inputs[field], null);
      });
    }
  });
}

/** What other cases would see too. */
function isClusterWide({ kind }: KubeObject): boolean {
  return kind.endsWith('WebhookConfiguration');
}
