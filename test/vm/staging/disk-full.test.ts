/** Full file systems, real ones: a small tmpfs for what fills up. Needs root for the mount, and no VM. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { pathsUnder } from '../../../src/base/paths.ts';
import { Tidying } from '../../../src/daemon/tidying.ts';
import { Attempts } from '../../../src/decision/attempts.ts';
import { download } from '../../../src/downloads/download.ts';
import { officialPolicy } from '../../../src/downloads/official-policy.ts';
import { readHistory } from '../../../src/history/history.ts';
import { AgentHistory } from '../../../src/history/keeper.ts';
import { systemClock } from '../../../src/host/clock.ts';
import { freeSpace } from '../../../src/host/files/disk-space.ts';
import { writeAtomically } from '../../../src/host/files/files.ts';
import { releaseProblems } from '../../../src/istio/releases/problems.ts';
import { stageRelease } from '../../../src/istio/releases/stage.ts';
import { confirmVersion } from '../../../src/versions/confirm.ts';
import { readProbation } from '../../../src/versions/probation.ts';
import { VersionRejections } from '../../../src/versions/rejections.ts';
import { Scene } from '../../istio/releases/scene.ts';
import { DownloadServer } from '../../sandbox/downloads.ts';
import { NOW, observed } from '../../support/observed.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { NEW, UpgradeScene } from '../../versions/scene.ts';

const execute = promisify(execFile);

/** That of a mirror on loopback. */
const policy = await officialPolicy({ caFile: null, root: '/', proxy: null });

/** A file system of its own at `path`, gone when it leaves scope. */
async function smallFileSystem(path: string, options: string): Promise<AsyncDisposable> {
  await mkdir(path, { recursive: true });
  await execute('mount', ['-t', 'tmpfs', '-o', options, 'smm-test', path]);
  return {
    [Symbol.asyncDispose]: async () => {
      await execute('umount', [path]);
    },
  };
}

/** Leaves so many bytes free. */
async function fill(path: string, leave: number): Promise<void> {
  const { freeBytes } = await freeSpace(path);
  const file = await open(join(path, 'filler'), 'wx');
  await file.writeFile(Buffer.alloc(freeBytes - leave, 1));
  await file.close();
}

describe('a file system that is full', () => {
  it('is told before a download begins, with what is free and what is needed', async () => {
    await using folder = await temporaryFolder();
    await using _fileSystem = await smallFileSystem(join(folder.path, 'cache'), 'size=10m');
    await using server = await new DownloadServer().start();
    const content = randomBytes(1_000_000);
    server.put('/file.deb', content);
    const sha256 = createHash('sha256').update(content).digest('hex');
    const wanted = { url: `${server.url}/file.deb`, sha256, target: join(folder.path, 'cache/file.deb'), policy };
    await assert.rejects(download(wanted), { code: 'SMM523', message: /21\.0 MB are needed and 10\.\d MB are free/ });
    assert.deepEqual(await readdir(join(folder.path, 'cache')), []);
  });

  it('is told when inodes are what is lacking', async () => {
    await using folder = await temporaryFolder();
    await using _fileSystem = await smallFileSystem(join(folder.path, 'cache'), 'size=100m,nr_inodes=5');
    await using server = await new DownloadServer().start();
    server.put('/file.deb', Buffer.from('content'));
    const sha256 = createHash('sha256').update('content').digest('hex');
    const wanted = { url: `${server.url}/file.deb`, sha256, target: join(folder.path, 'cache/file.deb'), policy };
    await assert.rejects(download(wanted), { code: 'SMM523', message: /10 inodes are needed and \d are free/ });
  });

  it('ends a download that filled it, and gives the room back', async () => {
    await using folder = await temporaryFolder();
    const cache = join(folder.path, 'cache');
    await using _fileSystem = await smallFileSystem(cache, 'size=40m');
    await using server = await new DownloadServer().start();
    server.put('/file.deb', Buffer.alloc(0));
    // Without a length, the agent cannot know the size beforehand.
    server.fault = { kind: 'endless' };
    const wanted = { url: `${server.url}/file.deb`, sha256: '00'.repeat(32), target: join(cache, 'file.deb'), policy };
    await assert.rejects(download(wanted), { code: 'SMM522', message: /the file system is full/ });
    assert.deepEqual(await readdir(cache), []);
  });

  it('leaves the file that was to be replaced as it was', async () => {
    await using folder = await temporaryFolder();
    await using _fileSystem = await smallFileSystem(join(folder.path, 'etc'), 'size=1m');
    const path = join(folder.path, 'etc/file');
    await writeFile(path, 'before');
    await fill(join(folder.path, 'etc'), 4096);
    await assert.rejects(writeAtomically(path, Buffer.alloc(100_000), { mode: 0o644 }), { code: 'SMM522' });
    assert.deepEqual((await readdir(join(folder.path, 'etc'))).sort(), ['file', 'filler']);
  });

  it('leaves releases and links as they were, and the same target is staged once there is room', async () => {
    await using scene = await Scene.begin();
    const { opt, releases } = scene.paths;
    await using _fileSystem = await smallFileSystem(opt, 'size=60m');
    const before = await stageRelease(scene.store, await scene.request('1.31.0'));
    await scene.store.setStaged(before.id);
    const request = await scene.request('1.31.1');
    await fill(opt, 50_000);
    await assert.rejects(stageRelease(scene.store, request), { code: 'SMM523' });
    // Understated, as when another process fills the disk after the check of free space: then the write itself fails.
    const understated = { ...request, fetchPackage: async () => ({ path: request.path, bytes: -4_990_000 }) };
    await assert.rejects(stageRelease(scene.store, understated), { code: 'SMM522' });
    assert.deepEqual(await readdir(releases), [before.id]);
    assert.equal(await scene.store.link('staged'), before.id);
    assert.deepEqual(await releaseProblems(scene.store, before.id, { deep: true }), []);
    await rm(join(opt, 'filler'));
    const { id } = await stageRelease(scene.store, request);
    assert.deepEqual(await releaseProblems(scene.store, id, { deep: true }), []);
  });
});

describe('what the agent learns while the file system of its state is full', () => {
  it('is kept elsewhere, for every process and until there is room: failed tries wait all the same', async () => {
    await using folder = await temporaryFolder();
    const paths = pathsUnder(folder.path);
    await using _fileSystem = await smallFileSystem(paths.state, 'size=1m');
    await fill(paths.state, 0);
    const { retryAt } = await new Attempts(paths).failed('agent 0.3.0', 'why', NOW, { refused: false });
    const expected = { reason: 'why', count: 1, retryAt, at: NOW, packageDigest: undefined };
    assert.deepEqual((await new Attempts(paths).read(NOW)).get('agent 0.3.0'), expected);
    await new Attempts(paths).clear();
    assert.equal((await new Attempts(paths).read(NOW)).size, 0);
    await new Attempts(paths).failed('agent 0.3.0', 'why', NOW, { refused: false });
    await rm(join(paths.state, 'filler'));
    assert.equal((await new Attempts(paths).failed('agent 0.3.0', 'why', NOW, { refused: false })).count, 2);
    assert.deepEqual([await readdir(paths.state), await readdir(paths.run)], [['attempts.json'], []]);
  });

  it('is in the history, which says that it does not lie where it belongs', async () => {
    await using folder = await temporaryFolder();
    const paths = pathsUnder(folder.path);
    await using _fileSystem = await smallFileSystem(paths.state, 'size=1m');
    await fill(paths.state, 0);
    const history = new AgentHistory(paths);
    const results = async () => (await readHistory(paths)).map(({ result }) => result);
    assert.equal((await history.note(observed()))?.code, 'SMM522');
    assert.deepEqual(await results(), ['installed', 'runs']);
    await rm(join(paths.state, 'filler'));
    assert.equal(await history.note(observed()), null);
    assert.deepEqual(await results(), ['installed', 'runs']);
    assert.deepEqual([await readdir(paths.state), await readdir(paths.run)], [['history.jsonl'], []]);
  });

  it('is in the state as it was, whose format waits: that is said once, and fails no turn', async () => {
    await using folder = await temporaryFolder();
    const paths = pathsUnder(folder.path);
    await using _fileSystem = await smallFileSystem(paths.state, 'size=1m');
    await mkdir(paths.opt, { recursive: true });
    await fill(paths.state, 0);
    const said: string[] = [];
    const say = (sentence: string) => void said.push(sentence);
    const log = { debug: say, info: say, warn: say, error: say };
    const tidying = new Tidying({ paths, log, invocation: 'i-1' });
    await tidying.run();
    await tidying.run();
    assert.equal(said.length, 1);
    assert.match(
      said[0] ?? '',
      /^cannot bring the state to its format: cannot write .*format: the file system is full/,
    );
    await rm(join(paths.state, 'filler'));
    await tidying.run();
    assert.ok((await readdir(paths.state)).includes('format'));
  });

  it('keeps no rejection from being over, which is noted once there is room', async () => {
    await using folder = await temporaryFolder();
    const { agentState } = pathsUnder(folder.path);
    await using _fileSystem = await smallFileSystem(agentState, 'size=1m');
    const rejections = new VersionRejections({ agentState }, systemClock);
    for (const [version, at] of [
      ['0.3.0', 0],
      ['0.4.0', Math.floor(Date.now() / 1000)],
    ] as const) {
      await mkdir(join(agentState, 'rejected'), { recursive: true });
      await writeFile(join(agentState, 'rejected', version), `reason=it ended by itself\ncount=1\nat=${at}\n`);
    }
    await fill(agentState, 0);
    await rejections.expire();
    assert.deepEqual([...(await rejections.read()).keys()], ['0.4.0']);
    await rm(join(agentState, 'filler'));
    await rejections.expire();
    assert.deepEqual(await readdir(join(agentState, 'expired')), ['0.3.0']);
  });

  it('keeps no version on probation from being confirmed', async () => {
    await using scene = await UpgradeScene.begin();
    const { paths } = scene;
    await using _fileSystem = await smallFileSystem(paths.state, 'size=1m');
    await scene.publish({ version: NEW });
    await scene.upgrade();
    const probation = await readProbation(paths);
    assert.ok(probation);
    await fill(paths.state, 0);
    // Open, since its end would make the room that is lacking.
    const kept = await open(paths.probation);
    const said = await confirmVersion(paths, probation, async () => {});
    assert.match(
      (said ?? []).join(),
      /^the state keeps its format for now: cannot write .*format: the file system is full/,
    );
    assert.equal(await readProbation(paths), null);
    await kept.close();
  });
});
