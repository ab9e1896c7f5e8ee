import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as semver from '../../src/base/semver.ts';
import { comparable, isSameRelease, parseIstioVersion } from '../../src/istio/version.ts';

describe('a version of Istio', () => {
  const rows: [text: string, release: string, prerelease: string, suffix: string][] = [
    ['1.31.1', '1.31.1', '', ''],
    ['1.31.0-rc.0', '1.31.0', 'rc.0', ''],
    ['1.31.0-alpha.0e2ab4', '1.31.0', 'alpha.0e2ab4', ''],
    ['1.31.1-tetrate-v0', '1.31.1', '', 'tetrate-v0'],
    ['1.31.1-solo', '1.31.1', '', 'solo'],
    ['1.31.1-alphabet', '1.31.1', '', 'alphabet'],
    ['1.31.1+build.5', '1.31.1', '', 'build.5'],
    ['1.31.0-rc.0+build.5', '1.31.0', 'rc.0', 'build.5'],
    ['1.31.1-solo+5', '1.31.1', '', 'solo+5'],
  ];
  for (const [text, release, prerelease, suffix] of rows) {
    it(`${text} is release ${release}, prerelease "${prerelease}", suffix "${suffix}"`, () => {
      assert.deepEqual(parseIstioVersion(text), { text, release, prerelease, suffix });
    });
  }

  it('in a tag or label has _ for +, and is written with +', () => {
    assert.deepEqual(parseIstioVersion('1.31.1_ossm'), parseIstioVersion('1.31.1+ossm'));
  });
});

describe('what pilot-agent may say', () => {
  const rows: [wanted: string, said: string, same: boolean][] = [
    ['1.31.1', '1.31.1', true],
    ['1.31.1', '1.31.2', false],
    ['1.31.1-tetrate-v0', '1.31.1-tetrate-v0', true],
    ['1.31.1-tetrate-v0', '1.31.1', true],
    ['1.31.1', '1.31.1-solo', true],
    ['1.31.1-solo', '1.31.1-tetrate-v0', false],
    ['1.31.1-solo', '1.31.2-solo', false],
    ['1.31.1+ossm', '1.31.1_ossm', true],
    ['1.31.1+build.5', '1.31.1+build.6', false],
    ['1.31.0', '1.31.0-rc.0', false],
    ['1.31.0-rc.0', '1.31.0', false],
    ['1.31.0-rc.0', '1.31.0-rc.1', false],
    ['1.31.0-rc.0+build.5', '1.31.0-rc.0', true],
    ['1.31.1', '1.31.1 ', false],
    ['1.31.1', 'unknown', false],
  ];
  for (const [wanted, said, same] of rows) {
    it(`of a package for ${wanted}: ${JSON.stringify(said)} is ${same ? 'right' : 'wrong'}`, () => {
      assert.equal(isSameRelease(wanted, said), same);
    });
  }
});

describe('istio.allow', () => {
  const rows: [version: string, range: string, allowed: boolean][] = [
    ['1.31.1-solo', '>=1.31.1', true],
    ['1.31.1-solo', '<1.31.1', false],
    ['1.31.1-tetrate-v0', '1.31.x', true],
    ['1.31.1+build.5', '=1.31.1', true],
    ['1.31.0-rc.0', '>=1.31.0', false],
    ['1.31.0-rc.0', '<1.31.0', true],
  ];
  for (const [version, range, allowed] of rows) {
    it(`${range} ${allowed ? 'permits' : 'does not permit'} ${version}`, () => {
      assert.equal(semver.satisfies(comparable(version), range, { includePrerelease: true }), allowed);
    });
  }
});
