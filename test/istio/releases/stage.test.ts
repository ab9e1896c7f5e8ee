import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, lstat, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { RELEASE_FILES, RELEASE_FOLDER, RELEASE_ID } from '../../../src/istio/release.ts';
import { releaseProblems } from '../../../src/istio/releases/problems.ts';
import { stageRelease } from '../../../src/istio/releases/stage.ts';
import { CONFIGURATION, Scene } from './scene.ts';

const inode = async (path: string) => (await lstat(path)).ino;

describe('staging a release', () => {
  it('makes a folder with programs and configuration that istio-proxy can run', async () => {
    await using scene = await Scene.begin();
    const release = await stageRelease(scene.store, await scene.request('1.31.0'));
    assert.match(release.id, /^1\.31\.0-[0-9a-f]{12}$/);
    assert.deepEqual(await readdir(scene.paths.releases), [release.id]);
    const folder = scene.store.folder(release.id);
    for (const name of ['', 'bin', RELEASE_FILES.envoy, RELEASE_FILES.pilotAgent, RELEASE_FILES.startScript]) {
      assert.equal((await lstat(join(folder, name))).mode & 0o7777, 0o755, name);
    }
    for (const name of [RELEASE_FILES.clusterEnv, RELEASE_FILES.mesh, RELEASE_FILES.bootstrapTemplate]) {
      assert.equal((await lstat(join(folder, name))).mode & 0o7777, 0o644, name);
    }
    assert.equal(await readFile(join(folder, 'mesh'), 'utf8'), `defaultConfig:\n  binaryPath: ${folder}/bin/envoy\n`);
    assert.deepEqual(await scene.store.configuration(release.id), CONFIGURATION);
    assert.deepEqual(await scene.store.read(release.id), release);
    assert.deepEqual(await scene.store.list(), [release]);
    assert.deepEqual(await releaseProblems(scene.store, release.id, { deep: true }), []);
  });

  it('is readable to istio-proxy, with any umask of the agent', async () => {
    await using scene = await Scene.begin();
    const request = await scene.request('1.31.0');
    const umask = process.umask(0o077);
    try {
      const { id } = await stageRelease(scene.store, request);
      assert.deepEqual(await releaseProblems(scene.store, id), []);
    } finally {
      process.umask(umask);
    }
  });

  it('removes what killed runs left first, since each has the size of a release', async () => {
    await using scene = await Scene.begin();
    for (const name of ['.new-1.31.0-aaaaaaaaaaaa.01234567', '.trash-1.30.0-aaaaaaaaaaaa.01234567']) {
      await mkdir(join(scene.paths.releases, name, 'bin'), { recursive: true });
      await writeFile(join(scene.paths.releases, name, 'bin/envoy'), 'half of it');
    }
    const release = await stageRelease(scene.store, await scene.request('1.31.0'));
    assert.deepEqual(await readdir(scene.paths.releases), [release.id]);
  });

  it('makes an active release again whose folder is gone: Istio could not start without it', async () => {
    await using scene = await Scene.begin();
    const request = await scene.request('1.31.0');
    const { id } = await stageRelease(scene.store, request);
    await scene.store.setActive(id);
    await rm(scene.store.folder(id), { recursive: true });
    assert.equal((await stageRelease(scene.store, request)).id, id);
    assert.deepEqual(await releaseProblems(scene.store, id, { deep: true }), []);
  });

  it('does nothing when the same release is there', async () => {
    await using scene = await Scene.begin();
    const request = await scene.request('1.31.0');
    const first = await stageRelease(scene.store, request);
    const before = await inode(scene.store.folder(first.id));
    assert.deepEqual(await stageRelease(scene.store, request), first);
    assert.equal(scene.fetched, 1);
    assert.equal(await inode(scene.store.folder(first.id)), before);
  });

  it('links the programs of our own release of the same package, so that another configuration costs kilobytes', async () => {
    await using scene = await Scene.begin();
    const request = await scene.request('1.31.0');
    const first = await stageRelease(scene.store, request);
    const configuration = { ...CONFIGURATION, clusterEnv: 'A=1\n', rootCert: 'PEM\n' };
    const second = await stageRelease(scene.store, {
      ...request,
      revision: 'canary',
      configuration,
      fetchPackage: null,
    });
    assert.equal(scene.fetched, 1);
    for (const name of [RELEASE_FILES.envoy, RELEASE_FILES.pilotAgent, RELEASE_FILES.startScript]) {
      const [a, b] = [first, second].map(({ id }) => join(scene.store.folder(id), name)) as [string, string];
      assert.equal(await inode(a), await inode(b), name);
    }
    assert.equal(await readFile(join(scene.store.folder(second.id), RELEASE_FILES.rootCert), 'utf8'), 'PEM\n');
    assert.deepEqual(await releaseProblems(scene.store, second.id, { deep: true }), []);
  });

  it('does not link a program that is damaged: the package is unpacked again', async () => {
    await using scene = await Scene.begin();
    const request = await scene.request('1.31.0');
    const first = await stageRelease(scene.store, request);
    await writeFile(join(scene.store.folder(first.id), RELEASE_FILES.envoy), 'damaged');
    const second = await stageRelease(scene.store, { ...request, revision: 'canary' });
    assert.equal(scene.fetched, 2);
    assert.deepEqual(await releaseProblems(scene.store, second.id, { deep: true }), []);
    await assert.rejects(
      stageRelease(scene.store, { ...request, packageDigest: '00'.repeat(32), fetchPackage: null }),
      {
        code: 'SMM445',
      },
    );
  });

  it('makes a damaged release again', async () => {
    await using scene = await Scene.begin();
    const request = await scene.request('1.31.0');
    const { id } = await stageRelease(scene.store, request);
    await rm(join(scene.store.folder(id), RELEASE_FILES.mesh));
    await stageRelease(scene.store, request);
    assert.deepEqual(await releaseProblems(scene.store, id, { deep: true }), []);
    assert.deepEqual(await readdir(scene.paths.releases), [id]);
  });

  it('takes a prerelease by its own text', async () => {
    await using scene = await Scene.begin();
    const release = await stageRelease(scene.store, await scene.request('1.32.0-rc.1'));
    assert.match(release.id, /^1\.32\.0-rc\.1-/);
  });

  it('ends with the reason of the signal, and leaves nothing', async () => {
    await using scene = await Scene.begin();
    const reason = new Error('the agent is stopping');
    const request = await scene.request('1.31.0');
    await assert.rejects(stageRelease(scene.store, request, { signal: AbortSignal.abort(reason) }), reason);
    assert.deepEqual(await readdir(scene.paths.releases), []);
  });
});

describe('a release that must not be swapped', () => {
  it('is the active one', async () => {
    await using scene = await Scene.begin();
    const request = await scene.request('1.31.0');
    const { id } = await stageRelease(scene.store, request);
    await scene.store.setActive(id);
    await chmod(join(scene.store.folder(id), RELEASE_FILES.envoy), 0o700);
    await assert.rejects(stageRelease(scene.store, request), {
      code: 'SMM444',
      message: /cannot repair release .* while it is active: .*envoy has mode 0700 instead of 0755/,
    });
  });

  it('is a release that runs, also where no link names it', async () => {
    await using scene = await Scene.begin();
    const request = await scene.request('1.31.0');
    const { id } = await stageRelease(scene.store, request);
    const envoy = spawn(join(scene.store.folder(id), RELEASE_FILES.envoy), ['infinity'], { stdio: 'ignore' });
    try {
      await once(envoy, 'spawn');
      await rm(join(scene.store.folder(id), RELEASE_FILES.mesh));
      await assert.rejects(stageRelease(scene.store, request), {
        code: 'SMM444',
        message: /while it runs: .*mesh is missing/,
      });
    } finally {
      envoy.kill('SIGKILL');
      await once(envoy, 'close');
    }
  });
});

describe("a distributor's package", () => {
  const rows = [
    { wanted: '1.31.1-tetrate-v0', reportedVersion: '1.31.1' },
    { wanted: '1.31.1+ossm', reportedVersion: '1.31.1_ossm' },
    { wanted: '1.31.1+build.5', reportedVersion: '1.31.1+build.5' },
    { wanted: '1.31.1', reportedVersion: '1.31.1-solo' },
  ];
  for (const { wanted, reportedVersion } of rows) {
    it(`for ${wanted} may have a pilot-agent that says ${reportedVersion}`, async () => {
      await using scene = await Scene.begin();
      const release = await stageRelease(scene.store, await scene.request(wanted, { package: { reportedVersion } }));
      assert.equal(release.istioVersion, wanted);
      assert.match(release.id, RELEASE_ID);
    });
  }
});

describe('a package that is not used', () => {
  const bad = [
    {
      what: 'has a pilot-agent that names no version',
      options: { reportedVersion: '../1.31.0' },
      code: 'SMM442',
      says: /it names no version: "\.\.\/1\.31\.0"/,
    },
    {
      what: 'is a prerelease of the wanted version',
      options: { reportedVersion: '1.31.0-rc.0' },
      code: 'SMM443',
      says: /it is 1\.31\.0-rc\.0/,
    },
    { what: 'says another version', options: { reportedVersion: '1.30.9' }, code: 'SMM443', says: /it is 1\.30\.9/ },
    {
      what: 'has a pilot-agent that fails',
      options: { files: { 'usr/local/bin/pilot-agent': '#!/bin/sh\necho "no such library" >&2\nexit 127\n' } },
      code: 'SMM442',
      says: /pilot-agent version -o json: it ended with status 127: no such library$/,
    },
    {
      what: 'has a pilot-agent that talks nonsense',
      options: { files: { 'usr/local/bin/pilot-agent': '#!/bin/sh\necho hello\n' } },
      code: 'SMM442',
      says: /it answers "hello\\n"/,
    },
    {
      what: 'has an Envoy that dies',
      options: { files: { 'usr/local/bin/envoy': '#!/bin/sh\nkill -SEGV $$\n' } },
      code: 'SMM442',
      says: /envoy --version: it ended with signal SIGSEGV/,
    },
    {
      what: 'has an Envoy for another machine',
      options: { files: { 'usr/local/bin/envoy': '\x7fELF\x02\x01\x01 not for here' } },
      code: 'SMM442',
      says: /programs do not run on this machine/,
    },
  ];
  for (const { what, options, code, says } of bad) {
    it(`is one that ${what}, and nothing of it stays`, async () => {
      await using scene = await Scene.begin();
      await assert.rejects(stageRelease(scene.store, await scene.request('1.31.0', { package: options })), {
        code,
        message: says,
      });
      assert.deepEqual(await readdir(scene.paths.releases), []);
    });
  }

  it('is one that changed on disk after it was fetched', async () => {
    await using scene = await Scene.begin();
    const request = await scene.request('1.31.0');
    await writeFile(request.path, 'changed');
    await assert.rejects(stageRelease(scene.store, request), { code: 'SMM441' });
  });
});

describe('problems of a release', () => {
  const envoy = RELEASE_FILES.envoy;
  const damages: { what: string; damage: (folder: string) => Promise<void>; says: RegExp; deep?: boolean }[] = [
    { what: 'a file is gone', damage: (f) => rm(join(f, 'mesh')), says: /mesh is missing$/ },
    {
      what: 'a file has another size',
      damage: (f) => writeFile(join(f, 'mesh'), ''),
      says: /mesh has 0 bytes instead of \d+/,
    },
    {
      what: 'a file has other bytes',
      damage: async (f) =>
        writeFile(join(f, 'cluster.env'), (await readFile(join(f, 'cluster.env'), 'utf8')).replace('shop', 'SHOP')),
      says: /cluster\.env has other content/,
      deep: true,
    },
    {
      what: 'a program cannot be executed by others',
      damage: (f) => chmod(join(f, envoy), 0o750),
      says: /cannot be executed by istio-proxy/,
    },
    {
      what: 'a mode was stripped, as dpkg does to setgid files',
      damage: (f) => chmod(join(f, envoy), 0o600),
      says: /mode 0600 instead of 0755/,
    },
    {
      what: 'its folder cannot be entered',
      damage: (f) => chmod(f, 0o700),
      says: /cannot be entered by istio-proxy: its mode is 0700/,
    },
    {
      what: 'its marker is torn',
      damage: (f) => writeFile(join(f, 'release.json'), '{"format": 1'),
      says: /release\.json is missing or cannot/,
    },
    { what: 'it is gone', damage: (f) => rm(f, { recursive: true }), says: /is missing$/ },
  ];
  for (const { what, damage, says, deep = false } of damages) {
    it(`are told when ${what}`, async () => {
      await using scene = await Scene.begin();
      const { id } = await stageRelease(scene.store, await scene.request('1.31.0'));
      await damage(scene.store.folder(id));
      if (deep) assert.deepEqual(await releaseProblems(scene.store, id), []);
      const problems = await releaseProblems(scene.store, id, { deep });
      assert.ok(
        problems.some((problem) => says.test(problem)),
        `no problem of ${JSON.stringify(problems)} says ${says}`,
      );
    });
  }

  it(`are none of a mesh file that holds ${RELEASE_FOLDER} elsewhere`, async () => {
    await using scene = await Scene.begin();
    const configuration = { ...CONFIGURATION, clusterEnv: `A='${RELEASE_FOLDER}'\n` };
    const { id } = await stageRelease(scene.store, await scene.request('1.31.0', { configuration }));
    assert.deepEqual(await scene.store.configuration(id), configuration);
  });
});
