import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ReleaseView, releaseDifference } from '../../../src/istio/configuration/release-difference.ts';

function view(
  manifest: Partial<ReleaseView['manifest']> = {},
  configuration: Partial<ReleaseView['configuration']> = {},
): ReleaseView {
  return {
    manifest: {
      id: '1.31.0-aaaaaaaaaaaa',
      istioVersion: '1.31.0',
      revision: 'default',
      packageDigest: 'a',
      origin: 'package',
      ...manifest,
    },
    configuration: {
      clusterEnv: "ISTIO_INBOUND_PORTS='8080'\n",
      sidecarEnv: '',
      mesh: 'defaultConfig: {}\n',
      hosts: '',
      rootCert: null,
      ...configuration,
    },
  };
}

describe('why a restart is pending', () => {
  it('names the versions', () => {
    assert.deepEqual(releaseDifference(view(), view({ istioVersion: '1.31.1', packageDigest: 'b' })), [
      'Istio 1.31.0 to 1.31.1',
    ]);
  });
  it('names the revisions', () => {
    assert.deepEqual(releaseDifference(view(), view({ revision: 'canary' })), ['revision default to canary']);
  });
  it('names a changed port', () => {
    const after = view({}, { clusterEnv: "ISTIO_INBOUND_PORTS='8080,9090'\n" });
    assert.deepEqual(releaseDifference(view(), after), ['inbound ports: 9090 added']);
  });
  it('has words also where a disk has damaged a mesh file: the way out of that is another release', () => {
    const damaged = view({}, { mesh: 'defaultConfig: {"a": \n\0\0' });
    const after = view({ istioVersion: '1.31.1' });
    const which = 'that of the release before cannot be read as YAML';
    assert.deepEqual(releaseDifference(damaged, after), ['Istio 1.31.0 to 1.31.1', `mesh file: changed; ${which}`]);
    assert.match(releaseDifference(view(), damaged).join(), /mesh file: changed; the new one cannot be read as YAML/);
    assert.deepEqual(releaseDifference(damaged, { ...damaged, manifest: after.manifest }), ['Istio 1.31.0 to 1.31.1']);
  });
  it('says that only the build is another', () => {
    assert.deepEqual(releaseDifference(view(), view({ packageDigest: 'b' })), ['another build of Istio 1.31.0']);
  });
  it('does not compare the digest of an adopted release with that of a package', () => {
    const after = view({ id: '1.31.0-cccccccccccc', packageDigest: 'b' });
    assert.deepEqual(releaseDifference(view({ origin: 'adopted' }), after), [
      'release 1.31.0-aaaaaaaaaaaa to 1.31.0-cccccccccccc',
    ]);
  });
});
