import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { endOfToken, otherGroup, tokenFacts } from '../../../src/control-plane/kubernetes/token-facts.ts';

/** The claims of `kubectl create token smm-agent-reviews -n vm-apps`, as a kube-apiserver of 1.34 makes them. */
const CLAIMS = {
  aud: ['https://kubernetes.default.svc.cluster.local'],
  exp: 1_800_086_400,
  iat: 1_800_000_000,
  iss: 'https://kubernetes.default.svc.cluster.local',
  jti: '0b2f1c5e-6a7e-4d0f-9a3e-5b8f8a0d1c2b',
  'kubernetes.io': { namespace: 'vm-apps', serviceaccount: { name: 'smm-agent-reviews', uid: 'e7b1' } },
  nbf: 1_800_000_000,
  sub: 'system:serviceaccount:vm-apps:smm-agent-reviews',
};
const token = (claims: object) =>
  ['{"alg":"RS256"}', JSON.stringify(claims), 'signature']
    .map((part) => Buffer.from(part).toString('base64url'))
    .join('.');
const facts = (change: object = {}) => tokenFacts(token({ ...CLAIMS, ...change }));
const at = (seconds: number) => new Date(seconds * 1000);

describe("a service account's token", () => {
  it('names the group whose account it is, and its end', () => {
    assert.deepEqual(facts(), {
      group: { namespace: 'vm-apps', name: 'reviews' },
      validUntil: at(CLAIMS.exp),
      issuedAt: at(CLAIMS.iat),
    });
  });

  it('is another group than agent.yaml names, which no right mends', () => {
    assert.equal(
      otherGroup(facts(), { namespace: 'vm-app', name: 'review' }),
      'this token is for group vm-apps/reviews, but agent.yaml names vm-app/review',
    );
    assert.equal(otherGroup(facts(), { namespace: 'vm-apps', name: 'reviews' }), null);
  });

  it('of an account with a name of its own says nothing about the group', () => {
    const other = facts({ sub: 'system:serviceaccount:vm-apps:agents' });
    assert.equal(otherGroup(other, { namespace: 'vm-app', name: 'review' }), null);
    assert.equal(otherGroup(tokenFacts('opaque'), { namespace: 'vm-app', name: 'review' }), null);
  });

  it('is warned of in the last quarter of its time, at most a week before its end, in the same words each turn', () => {
    const day = 86_400;
    const only = 'the token is valid until 2027-01-16T08:00:00.000Z only';
    for (const [left, said] of [
      [day / 4 + 1, null],
      [day / 4 - 1, only],
      [60, only],
      [0, 'the token expired at 2027-01-16T08:00:00.000Z'],
    ] as const) {
      assert.equal(endOfToken(facts(), at(CLAIMS.exp - left)), said, `${left} s before its end`);
    }
    const ofAYear = facts({ iat: CLAIMS.exp - 365 * day });
    assert.equal(endOfToken(ofAYear, at(CLAIMS.exp - 8 * day)), null);
    assert.equal(endOfToken(ofAYear, at(CLAIMS.exp - 6 * day)), only);
    assert.equal(endOfToken(facts({ exp: undefined }), at(CLAIMS.exp)), null);
  });
});
