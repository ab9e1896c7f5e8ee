import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { downloadName } from '../../src/downloads/official.ts';
import { SignedPackages } from '../../src/downloads/signed-packages.ts';
import { istioTarget } from '../../src/downloads/targets.ts';
import { HOST_ARCHITECTURE } from '../sandbox/istio-package.ts';
import { sha256Of } from './signed/publisher.ts';
import { namesBelow, Scene } from './signed/scene.ts';

const PACKAGE = Buffer.alloc(200_000, 'istio ');

describe('an Istio package of the signed repository', () => {
  it('is described by what is signed, and lies among the downloads as an official one does', async () => {
    await using scene = await Scene.begin();
    scene.publisher.add(istioTarget('1.31.0', HOST_ARCHITECTURE), PACKAGE);
    scene.publisher.publish();
    const source = new SignedPackages(scene.client());
    const description = await source.describe('1.31.0');
    const { istioVersion, sha256, fileName, bytes } = description;
    const name = downloadName('1.31.0', HOST_ARCHITECTURE);
    assert.deepEqual([istioVersion, sha256, fileName, bytes], ['1.31.0', sha256Of(PACKAGE), name, PACKAGE.length]);
    const { path } = await source.fetch(description);
    assert.equal(path, join(scene.downloads, name));
    assert.ok(PACKAGE.equals(await readFile(path)));
    assert.deepEqual(await namesBelow(scene.downloads), [name]);
  });

  it('is not there: the error says where it was looked for', async () => {
    await using scene = await Scene.begin();
    const source = new SignedPackages(scene.client());
    const message = new RegExp(
      `^cannot find istio/1\\.31\\.9/istio-sidecar-${HOST_ARCHITECTURE}\\.deb in the repository`,
    );
    await assert.rejects(source.describe('1.31.9'), { code: 'SMM458', message });
  });

  it('is not asked for by a text that is no version', async () => {
    await using scene = await Scene.begin();
    await assert.rejects(new SignedPackages(scene.client()).describe('1.31.0/../../x'), { code: 'SMM417' });
    assert.deepEqual(scene.server.requests, []);
  });
});
