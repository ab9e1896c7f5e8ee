import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  askedBy,
  plainPlace,
  serviceMeshManagerPlace,
  taggedRevision,
} from '../../../src/control-plane/target/revision.ts';

describe('what a namespace asks for', () => {
  const rows: [labels: Record<string, string>, asked: string | null][] = [
    [{ 'istio-injection': 'enabled' }, 'default'],
    [{ 'istio-injection': 'enabled', 'istio.io/rev': 'canary' }, 'default'],
    [{ 'istio-injection': 'disabled', 'istio.io/rev': 'canary' }, null],
    [{ 'istio-injection': '' }, null],
    [{ 'istio.io/rev': 'canary' }, 'canary'],
    [{ 'istio.io/rev': 'default' }, 'default'],
    [{ 'istio.io/rev': '' }, null],
    [{}, null],
  ];
  for (const [labels, asked] of rows) {
    it(`${JSON.stringify(labels)}: ${asked ?? 'nothing'}`, () => {
      const answer = askedBy('apps', labels);
      if (asked === null) assert.equal(answer.answer, 'missing');
      else assert.deepEqual(answer, { answer: 'asked', revision: asked });
    });
  }
});

describe("Service Mesh Manager's names", () => {
  const rows: [revision: string, namespace: string | null, suffix: string][] = [
    ['cp-v115x.istio-system', 'istio-system', 'cp-v115x'],
    ['cp.a.b', 'a.b', 'cp'],
    ['canary', null, ''],
    ['.istio-system', null, ''],
    ['cp.', null, ''],
  ];
  for (const [revision, namespace, suffix] of rows) {
    it(`${revision} lies in ${namespace ?? 'no namespace of its own'}`, () =>
      assert.deepEqual(serviceMeshManagerPlace(revision), namespace === null ? null : { namespace, suffix }));
  }

  it('leave the names of others alone', () => {
    assert.deepEqual(plainPlace('istio-system', 'default'), { namespace: 'istio-system', suffix: '' });
    assert.deepEqual(plainPlace('istio-system', 'canary'), { namespace: 'istio-system', suffix: 'canary' });
  });
});

describe('a tag', () => {
  const rows: [services: string[], webhooks: string[] | null, revision: string | null | 'ambiguous'][] = [
    [[], [], null],
    [['a'], [], 'a'],
    [[], ['a'], 'a'],
    [['a'], ['a'], 'a'],
    [['a'], null, 'a'],
    [[], null, null],
    [['a'], ['b'], 'ambiguous'],
    [[], ['a', 'b'], 'ambiguous'],
    [['a', 'b'], [], 'ambiguous'],
  ];
  for (const [services, webhooks, revision] of rows) {
    it(`with Services ${JSON.stringify(services)} and webhooks ${JSON.stringify(webhooks)} names ${revision}`, () => {
      const answer = taggedRevision('prod', { services, webhooks });
      if (revision === 'ambiguous') assert.equal(typeof answer === 'object' && answer?.answer, 'ambiguous');
      else assert.equal(answer, revision);
    });
  }
});
