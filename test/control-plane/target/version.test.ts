import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Deployment } from '../../../src/control-plane/kubernetes/objects.ts';
import { injectorTagOf, releaseOf, tagOf, versionOf } from '../../../src/control-plane/target/version.ts';
import { istiod, rolledOut } from '../../sandbox/control-plane/seed.ts';

describe('the tag of an image', () => {
  const rows: [image: string, tag: string | null][] = [
    ['docker.io/istio/pilot:1.31.0', '1.31.0'],
    ['pilot:1.31.0', '1.31.0'],
    ['pilot', null],
    ['registry:5000/istio/pilot', null],
    ['registry:5000/istio/pilot:1.31.0', '1.31.0'],
    [`istio/pilot@sha256:${'0'.repeat(64)}`, null],
    [`istio/pilot:1.31.0@sha256:${'0'.repeat(64)}`, '1.31.0'],
    ['', null],
  ];
  for (const [image, tag] of rows) it(`of "${image}" is ${tag}`, () => assert.equal(tagOf(image), tag));
});

describe('a version of Istio', () => {
  const rows: [text: string | null, version: string | null][] = [
    ['1.31.0', '1.31.0'],
    ['v1.31.0', '1.31.0'],
    ['1.31.0-distroless', '1.31.0'],
    ['1.31.0-debug', '1.31.0'],
    ['1.31.0-rc.0', '1.31.0-rc.0'],
    ['1.31.0-rc.0-distroless', '1.31.0-rc.0'],
    ['1.31.0-smm.2', '1.31.0-smm.2'],
    ['1.31.1-tetrate-v0', '1.31.1-tetrate-v0'],
    ['1.31.1-tetrate-v0-distroless', '1.31.1-tetrate-v0'],
    ['1.31.1-solo', '1.31.1-solo'],
    ['1.31.1-solo-fips-distroless', '1.31.1-solo-fips'],
    ['1.31.1_ossm', '1.31.1+ossm'],
    ['1.31.1+build.5', '1.31.1+build.5'],
    ['1.31.1-rc.0_ossm', '1.31.1-rc.0+ossm'],
    ['1.31.1_a_b', null],
    ['1.31.1+a+b', null],
    ['1.31.1_', null],
    ['1.31.1-a..b', null],
    [`1.31.1-${'a'.repeat(200)}`, null],
    ['latest', null],
    ['1.31', null],
    ['1.31-alpha.0e2a', null],
    ['01.31.0', null],
    ['1.31.0/../x', null],
    ['', null],
    [null, null],
  ];
  for (const [text, version] of rows)
    it(`in ${JSON.stringify(text)} is ${version}`, () => assert.equal(releaseOf(text), version));
});

describe("the tag in the injector's values", () => {
  const rows: [values: string | null, tag: string | null][] = [
    ['{"global":{"tag":"1.31.0"}}', '1.31.0'],
    ['{"global":{"tag":1.31}}', '1.31'],
    ['{"global":{}}', null],
    ['{"global":null}', null],
    ['[]', null],
    ['{', null],
    [null, null],
  ];
  for (const [values, tag] of rows) it(`of ${values} is ${tag}`, () => assert.equal(injectorTagOf(values), tag));
});

describe('a Deployment that is on its way', () => {
  const rows: [what: string, generation: number, replicas: number, status: object, reason: RegExp | null][] = [
    ['is there', 3, 2, rolledOut(3, 2), null],
    ['is ahead of its generation', 3, 2, rolledOut(4, 2), null],
    ['has not been observed', 3, 2, rolledOut(2, 2), /has just begun/],
    ['has no status yet', 1, 1, {}, /has just begun/],
    ['is updating', 3, 2, { ...rolledOut(3, 2), updatedReplicas: 1 }, /1 are updated/],
    ['is not available', 3, 2, { ...rolledOut(3, 2), availableReplicas: 1 }, /1 available/],
    ['has old replicas left', 3, 2, { ...rolledOut(3, 2), replicas: 3 }, /3 exist/],
    ['is scaled to nothing', 3, 0, rolledOut(3, 0), /scaled to 0/],
  ];
  for (const [what, generation, replicas, status, reason] of rows) {
    it(what, () => {
      const object = istiod({ name: 'default', version: '1.31.0' }, replicas);
      const deployment = Deployment.parse({ ...object, metadata: { ...object.metadata, generation }, status });
      const none = { injectorTag: null, controlPlaneVersion: null, sailVersion: null };
      const answer = versionOf({ deployment, ...none });
      if (reason === null) return assert.deepEqual(answer, { answer: 'settled', version: '1.31.0' });
      assert.equal(answer.answer, 'unsettled');
      assert.match('reason' in answer ? answer.reason : '', reason);
    });
  }
});
