import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { RELEASE_ID } from '../../../src/istio/release.ts';
import { releaseId } from '../../../src/istio/releases/id.ts';
import { CONFIGURATION } from './scene.ts';

const CONTENT = {
  istioVersion: '1.31.0',
  revision: 'default',
  packageDigest: 'ab'.repeat(32),
  configuration: CONFIGURATION,
};

describe('the id of a release', () => {
  it('is the same for ever: a release that is staged must not look like another to the next version of the agent', () => {
    assert.equal(releaseId(CONTENT), '1.31.0-c9ce74c66066');
  });

  it('depends on package, revision and every part of the configuration, and on nothing else', () => {
    const others = [
      { ...CONTENT, packageDigest: 'ac'.repeat(32) },
      { ...CONTENT, revision: 'canary' },
      { ...CONTENT, revision: null },
      ...Object.keys(CONFIGURATION).map((key) => ({ ...CONTENT, configuration: { ...CONFIGURATION, [key]: 'other' } })),
    ];
    const ids = [CONTENT, ...others].map(releaseId);
    assert.equal(new Set(ids).size, ids.length);
    const reordered = Object.fromEntries(Object.entries(CONFIGURATION).reverse()) as unknown as typeof CONFIGURATION;
    assert.equal(releaseId({ ...CONTENT, configuration: reordered }), releaseId(CONTENT));
  });

  it('does not mix neighbouring parts up, and always is a valid name', () => {
    const text = fc.string({ maxLength: 5 });
    fc.assert(
      fc.property(text, text, text, text, (a, b, c, d) => {
        const of = (clusterEnv: string, sidecarEnv: string) =>
          releaseId({ ...CONTENT, configuration: { ...CONFIGURATION, clusterEnv, sidecarEnv } });
        assert.match(of(a, b), RELEASE_ID);
        assert.equal(of(a, b) === of(c, d), a === c && b === d);
      }),
    );
  });
});
