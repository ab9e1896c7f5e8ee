import assert from 'node:assert/strict';
import { lstat, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { AgentError } from '../../../src/base/errors.ts';
import { isOwnFileAtFault } from '../../../src/istio/configuration/problem.ts';
import { RELEASE_FILES, RELEASE_FOLDER } from '../../../src/istio/release.ts';
import { type AdoptRequest, adoptInstalled } from '../../../src/istio/releases/adopt.ts';
import { releaseProblems } from '../../../src/istio/releases/problems.ts';
import { stageRelease } from '../../../src/istio/releases/stage.ts';
import { Scene } from './scene.ts';

const NOTHING_RUNS = { bootId: 'boot-1', envoy: null, pilotAgent: null };
const REQUEST: AdoptRequest = {
  revision: 'canary',
  configurationKind: 'keep',
  processes: NOTHING_RUNS,
  discoveryHost: 'istiod-canary.istio-system.svc',
  configure: (current) => ({ ...current, mesh: `${current.mesh}  binaryPath: ${RELEASE_FOLDER}/bin/envoy\n` }),
};

/** Identity of a process that runs the installed Envoy. */
async function processOf(path: string) {
  const { dev, ino } = await lstat(path);
  return { device: String(dev), inode: String(ino), pid: 4711, startTicks: '12345' };
}

describe('adopting the official package', () => {
  it('copies programs and configuration into a release, and makes it the active one', async () => {
    await using scene = await Scene.begin();
    await scene.install('1.31.0');
    const { istio } = scene.paths;
    const envoy = await processOf(istio.envoy);
    const release = await adoptInstalled(scene.store, { ...REQUEST, processes: { ...NOTHING_RUNS, envoy } });
    assert.equal(release.istioVersion, '1.31.0');
    assert.equal(release.origin, 'adopted');
    assert.deepEqual(release.adopted, { ...NOTHING_RUNS, envoy });
    assert.equal(await scene.store.link('active'), release.id);
    assert.deepEqual(await scene.store.configuration(release.id), {
      clusterEnv: "ISTIO_SERVICE='shop.vms'\n",
      sidecarEnv: await readFile(istio.sidecarEnv, 'utf8'),
      mesh: `defaultConfig:\n  discoveryAddress: istiod-canary.istio-system.svc:15012\n  binaryPath: ${RELEASE_FOLDER}/bin/envoy\n`,
      hosts: '10.0.0.9 istiod-canary.istio-system.svc\n',
      rootCert: null,
    });
    assert.deepEqual(await releaseProblems(scene.store, release.id, { deep: true }), []);
    assert.deepEqual(await readdir(scene.paths.releases), [release.id]);
  });

  it('copies and never links: what dpkg does to its files must not reach ours', async () => {
    await using scene = await Scene.begin();
    await scene.install('1.31.0');
    const { id } = await adoptInstalled(scene.store, REQUEST);
    for (const [installed, name] of [
      [scene.paths.istio.envoy, RELEASE_FILES.envoy],
      [scene.paths.istio.bootstrapTemplate, RELEASE_FILES.bootstrapTemplate],
    ] as const) {
      assert.notEqual((await lstat(installed)).ino, (await lstat(join(scene.store.folder(id), name))).ino);
    }
  });

  it('takes over no bytes that are not UTF-8, names file and line, and is no other time to wait for', async () => {
    await using scene = await Scene.begin();
    await scene.install('1.31.0');
    const { clusterEnv, sidecarEnv, mesh } = scene.paths.istio;
    for (const path of [clusterEnv, sidecarEnv, mesh]) {
      const before = await readFile(path);
      // "Z\u00fcrich" as an editor with Latin-1 writes it, after a line with the same in UTF-8.
      await writeFile(
        path,
        Buffer.concat([Buffer.from('# Z\u00fcrich\n# '), Buffer.from('Z\u00fcrich', 'latin1'), before]),
      );
      const refusal = (error: unknown) =>
        error instanceof AgentError &&
        isOwnFileAtFault(error) &&
        error.message === `cannot take over ${path}:2: it holds bytes that are not UTF-8`;
      await assert.rejects(adoptInstalled(scene.store, REQUEST), refusal);
      assert.equal(await scene.store.link('active'), null);
      await writeFile(path, before);
    }
    await writeFile(clusterEnv, "# Z\u00fcrich\nISTIO_SERVICE='shop.vms'\n");
    const { id } = await adoptInstalled(scene.store, REQUEST);
    assert.equal((await scene.store.configuration(id)).clusterEnv, "# Z\u00fcrich\nISTIO_SERVICE='shop.vms'\n");
  });

  it('does not copy what istio-proxy has linked to in its own folder', async () => {
    await using scene = await Scene.begin();
    await scene.install('1.31.0');
    const { bootstrapTemplate, clusterEnv } = scene.paths.istio;
    for (const path of [bootstrapTemplate, clusterEnv]) {
      const text = await readFile(path);
      await rm(path);
      await symlink('/etc/hostname', path);
      await assert.rejects(adoptInstalled(scene.store, REQUEST), {
        code: 'SMM520',
        message: `cannot read ${path}: it is a link`,
      });
      await rm(path);
      await writeFile(path, text);
    }
  });

  it('takes a missing env file, mesh file or hosts line for empty', async () => {
    await using scene = await Scene.begin();
    await scene.install('1.31.0');
    const { istio, hosts } = scene.paths;
    for (const path of [istio.clusterEnv, istio.sidecarEnv, istio.mesh, hosts]) await rm(path);
    const { id } = await adoptInstalled(scene.store, { ...REQUEST, configure: (current) => current });
    const empty = { clusterEnv: '', sidecarEnv: '', mesh: '', hosts: '', rootCert: null };
    assert.deepEqual(await scene.store.configuration(id), empty);
  });

  it('does not take a process for its own that runs another file: the package was upgraded under it', async () => {
    await using scene = await Scene.begin();
    await scene.install('1.31.0');
    const { istio } = scene.paths;
    const pilotAgent = await processOf(istio.pilotAgent);
    const envoy = { ...(await processOf(istio.envoy)), inode: '1' };
    const release = await adoptInstalled(scene.store, {
      ...REQUEST,
      processes: { bootId: 'boot-1', envoy, pilotAgent },
    });
    assert.deepEqual(release.adopted, { bootId: 'boot-1', envoy: null, pilotAgent });
  });

  it('is done once: a second time returns what is active', async () => {
    await using scene = await Scene.begin();
    await scene.install('1.31.0');
    const first = await adoptInstalled(scene.store, REQUEST);
    await scene.install('1.30.0');
    assert.deepEqual(await adoptInstalled(scene.store, REQUEST), first);
  });

  it('is completed when only the link was missing, and begun again when other processes run by now', async () => {
    await using scene = await Scene.begin();
    await scene.install('1.31.0');
    const first = await adoptInstalled(scene.store, REQUEST, { now: new Date('2026-11-01') });
    await rm(scene.paths.active);
    assert.deepEqual(await adoptInstalled(scene.store, REQUEST, { now: new Date('2026-11-02') }), first);
    await rm(scene.paths.active);
    const processes = { ...NOTHING_RUNS, bootId: 'boot-2' };
    const second = await adoptInstalled(scene.store, { ...REQUEST, processes }, { now: new Date('2026-11-03') });
    assert.equal(second.id, first.id);
    assert.deepEqual([second.adopted, second.createdAt], [processes, '2026-11-03T00:00:00.000Z']);
    assert.deepEqual(await readdir(scene.paths.releases), [first.id]);
  });

  it('gives its programs to later releases of the same version, without a download', async () => {
    await using scene = await Scene.begin();
    await scene.install('1.31.0');
    const adopted = await adoptInstalled(scene.store, REQUEST);
    const { istioVersion, packageDigest } = adopted;
    const configuration = await scene.store.configuration(adopted.id);
    const request = {
      istioVersion,
      packageDigest,
      revision: 'prod',
      configuration,
      configurationKind: 'keep',
      fetchPackage: null,
    } as const;
    const staged = await stageRelease(scene.store, request);
    assert.notEqual(staged.id, adopted.id);
    assert.deepEqual(await releaseProblems(scene.store, staged.id, { deep: true }), []);
  });
});

describe('an adoption that cannot be', () => {
  it('is one without the package', async () => {
    await using scene = await Scene.begin();
    await scene.install('1.31.0');
    await rm(scene.paths.istio.envoy);
    await assert.rejects(adoptInstalled(scene.store, REQUEST), {
      code: 'SMM447',
      message: /usr\/local\/bin\/envoy .* is missing$/,
    });
    assert.equal(await scene.store.link('active'), null);
  });

  it('is one of programs that do not run, and leaves nothing', async () => {
    await using scene = await Scene.begin();
    await scene.install('1.31.0');
    await writeFile(scene.paths.istio.pilotAgent, '#!/bin/sh\nexit 3\n');
    await assert.rejects(adoptInstalled(scene.store, REQUEST), { code: 'SMM442' });
    assert.deepEqual(await readdir(scene.paths.releases), []);
  });
});
