import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { pathsUnder } from '../../../src/base/paths.ts';
import { RELEASE_CHECKPOINTS } from '../../../src/host/files/checkpoints.ts';
import { releaseProblems } from '../../../src/istio/releases/problems.ts';
import { ReleaseStore } from '../../../src/istio/releases/store.ts';
import { DownloadServer } from '../../sandbox/downloads.ts';
import { buildIstioPackage, writeIstioFiles } from '../../sandbox/istio-package.ts';
import { type TemporaryFolder, temporaryFolder } from '../../support/temporary.ts';
import { upgrade } from './upgrade.ts';

const PROGRAM = join(import.meta.dirname, 'upgrade.ts');
const OLD = '1.31.0';
const NEW = '1.31.1';

let server: DownloadServer;
let folder: TemporaryFolder;

before(async () => {
  folder = await temporaryFolder();
  server = await new DownloadServer().start();
  const file = join(folder.path, 'istio.deb');
  await buildIstioPackage(file, { version: NEW });
  server.publish(NEW, await readFile(file));
});

after(async () => {
  await server[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

/** An upgrade in a process of its own, which is killed at this point. */
async function killedUpgrade(root: string, point: string): Promise<void> {
  // The program is started dozens of times: compiled once, it starts faster.
  const env = { ...process.env, SMM_TEST_KILL_AT: point, NODE_COMPILE_CACHE: join(folder.path, 'compiled') };
  const child = spawn(process.execPath, [PROGRAM, root, server.url, NEW], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const [status, signal] = await once(child, 'close');
  assert.deepEqual([status, signal, said], [null, 'SIGKILL', ''], `${point} was not reached`);
}

/** A machine with the official package, and with what earlier upgrades left: damaged and superfluous releases. */
async function machine(name: string): Promise<string> {
  const root = join(folder.path, name);
  await writeIstioFiles(root, { version: OLD });
  const { releases } = pathsUnder(root);
  await mkdir(releases, { recursive: true });
  await mkdir(join(releases, '1.30.0-0123456789ab/bin'), { recursive: true });
  return root;
}

async function assertUpgraded(root: string): Promise<void> {
  const paths = pathsUnder(root);
  const store = new ReleaseStore(paths);
  const [active, staged] = [await store.link('active'), await store.link('staged')];
  assert.ok(active !== null && staged !== null);
  assert.equal((await store.read(active))?.istioVersion, OLD);
  assert.equal((await store.read(staged))?.istioVersion, NEW);
  for (const id of [active, staged]) assert.deepEqual(await releaseProblems(store, id, { deep: true }), []);
  assert.deepEqual((await readdir(paths.releases)).sort(), [active, staged].sort());
  assert.deepEqual((await readdir(join(paths.releases, '..'))).sort(), ['active', 'releases', 'staged']);
  assert.deepEqual(await readdir(paths.downloads), []);
  assert.deepEqual(await readdir(join(paths.state, 'istio/confirmed')), [active]);
}

/** After a kill, every release is whole: those that a link names, and all others in the folder. */
async function assertNothingHalf(root: string): Promise<void> {
  const store = new ReleaseStore(pathsUnder(root));
  for (const name of ['active', 'staged'] as const) {
    const id = await store.link(name);
    if (id !== null) assert.deepEqual(await releaseProblems(store, id, { deep: true }), [], `${name} after the kill`);
  }
  for (const { id } of await store.list()) assert.deepEqual(await releaseProblems(store, id, { deep: true }), []);
}

describe('an agent that is killed in the middle of an upgrade', { concurrency: 2 }, () => {
  // Adoption passes some points before staging does, and every write and link has its own: beyond the first, a choice.
  const staging = ['stage-folder-made', 'stage-marked', 'stage-old-moved-away', 'stage-renamed'].map(
    (name) => `${name}:2`,
  );
  const later = ['file-temporary-written:4', 'file-renamed:6', 'file-renamed:8', 'file-renamed:12', 'link-renamed:2'];
  for (const point of [...RELEASE_CHECKPOINTS, ...staging, ...later]) {
    it(`at ${point} leaves nothing half, and the next turn does what is left`, async () => {
      const root = await machine(point.replace(':', '-'));
      await killedUpgrade(root, point);
      await assertNothingHalf(root);
      await upgrade(root, server.url, NEW);
      await assertUpgraded(root);
    });
  }

  it('had an upgrade that works without a kill', async () => {
    const root = await machine('unharmed');
    await upgrade(root, server.url, NEW);
    await assertUpgraded(root);
    await upgrade(root, server.url, NEW);
    await assertUpgraded(root);
  });

  it('repairs a damaged release that is staged, killed between taking the old one away and putting the new one there', async () => {
    const root = await machine('repair');
    await upgrade(root, server.url, NEW);
    const store = new ReleaseStore(pathsUnder(root));
    const staged = (await store.link('staged')) ?? '';
    await cp('/dev/null', join(store.folder(staged), 'mesh'), { force: true });
    await chmod(join(store.folder(staged), 'mesh'), 0o600);
    await killedUpgrade(root, 'stage-old-moved-away');
    assert.equal(await store.read(staged), null);
    await upgrade(root, server.url, NEW);
    await assertUpgraded(root);
  });
});
