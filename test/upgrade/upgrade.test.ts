import assert from 'node:assert/strict';
import { appendFile, chmod, mkdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { constants, zstdCompressSync } from 'node:zlib';
import { withFileLock } from '../../src/host/file-lock.ts';
import { agentTarget } from '../../src/repository/targets.ts';
import { readProbation } from '../../src/upgrade/probation.ts';
import { until } from '../sandbox/until.ts';
import { healthy, NEW, NEXT_NODE, NODE, OLD, UpgradeScene, type VersionFiles, writeManifest } from './scene.ts';

/** Nothing has changed: OLD is current, nothing is on probation, nothing is asked of systemd. */
async function assertUnchanged(scene: UpgradeScene): Promise<void> {
  assert.deepEqual(await scene.links(), { current: OLD, previous: null });
  assert.equal(await readProbation(scene.paths), null);
  assert.deepEqual(scene.restarts, []);
}

/** Resolves when somebody waits for the lock on a folder. */
async function isWaitedFor(folder: string): Promise<void> {
  const { ino } = await stat(folder);
  const waits = new RegExp(`-> FLOCK .*:${ino} `);
  await until(
    'the lock to be waited for',
    () => readFile('/proc/locks', 'utf8'),
    (locks) => waits.test(locks),
  );
}

describe('the agent becomes another version', () => {
  it('by putting it in place, on probation; the restart comes later', async () => {
    await using scene = await UpgradeScene.begin();
    await scene.publish({ version: NEW });
    await scene.upgrade();
    assert.deepEqual(await scene.links(), { current: NEW, previous: OLD });
    assert.equal(await scene.store.isSound(NEW), true);
    const probation = await readProbation(scene.paths);
    assert.deepEqual([probation?.from, probation?.to, probation?.previous], [OLD, NEW, null]);
    assert.match(await readFile(scene.paths.probation, 'utf8'), /^boot=boot-1\nspan=50\npower_cuts=0\nended=no$/m);
    assert.deepEqual(scene.restarts, []);
    assert.deepEqual(await scene.names('versions'), [OLD, NEW]);
  });

  it('on the runtime that is there, which is not downloaded again', async () => {
    await using scene = await UpgradeScene.begin();
    await scene.publish({ version: NEW });
    await scene.upgrade();
    assert.deepEqual(scene.fetched, [agentTarget(NEW)]);
  });

  it('on a runtime of its own, and back on the one before', async () => {
    await using scene = await UpgradeScene.begin();
    await scene.publish({ version: NEW, runtime: NEXT_NODE });
    await scene.upgrade();
    assert.equal(scene.fetched.length, 2);
    assert.deepEqual(await scene.names('runtimes'), [NODE, NEXT_NODE]);
    assert.match(await readFile(join(scene.paths.current, 'node/bin/node'), 'utf8'), /^# Node 26\.1\.0$/m);
    await rm(scene.paths.probation);
    await scene.upgrade(NEW, OLD);
    assert.equal(scene.fetched.length, 2, 'it is on disk');
    assert.match(await readFile(join(scene.paths.current, 'node/bin/node'), 'utf8'), /^# Node 24\.21\.0$/m);
  });

  it('once more from the repository, where the folder on disk is damaged', async () => {
    await using scene = await UpgradeScene.begin();
    await scene.install({ version: NEW });
    await appendFile(join(scene.store.folder(NEW), 'smm-agent.js'), '# changed\n');
    await scene.publish({ version: NEW });
    await scene.upgrade();
    assert.deepEqual(scene.fetched, [agentTarget(NEW)]);
    assert.equal(await scene.store.isSound(NEW), true);
    assert.deepEqual(await scene.names('versions'), [OLD, NEW]);
  });

  it('and sweeps what earlier tries have left', async () => {
    await using scene = await UpgradeScene.begin();
    await scene.publish({ version: NEW });
    for (const name of ['.new-0.9.0.12345678', '.trash-0.1.0.12345678']) {
      await writeManifest(scene.paths.versions, {}, {});
      await rm(join(scene.paths.versions, 'release.json'));
      await symlink('/', join(scene.paths.versions, name));
    }
    await scene.upgrade();
    assert.deepEqual(await scene.names('versions'), [OLD, NEW]);
  });
});

describe('a version that fails its self-check', () => {
  const cases: Record<string, { program: string; said: RegExp }> = {
    'and says why': {
      program: `${healthy(NEW, [{ name: 'configuration', ok: false, said: 'cannot use the configuration: line 3' }])}exit 1\n`,
      said: /its self-check failed: configuration: cannot use the configuration: line 3/,
    },
    'by ending with 1': { program: 'echo "TypeError: x" >&2\nexit 1\n', said: /it ended with status 1: TypeError: x/ },
    'by ending with 0 and saying nothing': { program: 'exit 0\n', said: /it did not answer/ },
    'by a signal': { program: 'kill -SEGV $$\n', said: /it ended with (SIGSEGV|status 139)/ },
    'by being another one': { program: healthy('0.9.9'), said: /it says that it is 0\.9\.9/ },
  };
  for (const [how, { program, said }] of Object.entries(cases)) {
    it(`${how} is not switched to`, async () => {
      await using scene = await UpgradeScene.begin();
      await scene.publish({ version: NEW, program });
      await assert.rejects(scene.upgrade(), (error: Error) => {
        assert.match(error.message, said);
        assert.equal('code' in error && error.code, 'SMM702');
        return true;
      });
      await assertUnchanged(scene);
    });
  }

  it('because its runtime is for another machine is not switched to', async () => {
    await using scene = await UpgradeScene.begin();
    await scene.install({ version: '0.1.9', runtime: NEXT_NODE });
    await scene.publish({ version: NEW, runtime: NEXT_NODE });
    // As the kernel says of a program for another architecture.
    const elf = Buffer.concat([
      Buffer.from('\x7fELF\x02\x01\x01', 'latin1'),
      Buffer.alloc(9),
      Buffer.from([2, 0, 0xff, 0xff]),
    ]);
    await rm(join(scene.store.runtimeFolder(NEXT_NODE), 'bin/node'));
    await writeFile(join(scene.store.runtimeFolder(NEXT_NODE), 'bin/node'), elf);
    await writeManifest(scene.store.runtimeFolder(NEXT_NODE), { runtime: NEXT_NODE }, { 'bin/node': 0o755 });
    await assert.rejects(scene.upgrade(), { code: 'SMM702', message: /status 126: .*[Ee]xec format error/ });
    await assertUnchanged(scene);
  });

  it('keeps what it said', async () => {
    await using scene = await UpgradeScene.begin();
    await scene.publish({ version: NEW, program: 'echo "the last words" >&2\nexit 3\n' });
    await assert.rejects(scene.upgrade(), { evidence: 'the last words\n' });
  });
});

describe('a self-check that fails for what the version that runs finds wrong as well', () => {
  const bad = [{ name: 'configuration', ok: false, said: 'cannot use the configuration: line 3' }];
  const fails = (version: string) => `${healthy(version, bad)}exit 1\n`;

  it('rejects nothing: the machine is to blame, for example a file that is being edited', async () => {
    await using scene = await UpgradeScene.begin();
    await scene.install({ version: '0.2.9', program: fails('0.2.9') });
    await scene.store.setLink('current', '0.2.9');
    await scene.publish({ version: NEW, program: fails(NEW) });
    await assert.rejects(scene.upgrade('0.2.9'), {
      code: 'SMM709',
      message:
        'cannot switch to smm-agent 0.3.0: neither it nor smm-agent 0.2.9 finds this machine right: configuration: cannot use the configuration: line 3',
    });
    assert.deepEqual(await scene.links(), { current: '0.2.9', previous: null });
    assert.equal(await readProbation(scene.paths), null);
  });

  it('rejects nothing either where it passes when it is asked again: a file was half written', async () => {
    await using scene = await UpgradeScene.begin();
    await scene.install({ version: '0.2.9', program: healthy('0.2.9') });
    await scene.store.setLink('current', '0.2.9');
    const mended = join(scene.folder, 'mended');
    const program = `if [ ! -e '${mended}' ]; then touch '${mended}'; ${fails(NEW)}fi\n${healthy(NEW)}`;
    await scene.publish({ version: NEW, program });
    await assert.rejects(scene.upgrade('0.2.9'), {
      code: 'SMM709',
      message:
        'cannot switch to smm-agent 0.3.0: its self-check failed (configuration: cannot use the configuration: line 3), and passed when it was asked again',
    });
    assert.deepEqual(await scene.links(), { current: '0.2.9', previous: null });
    await scene.upgrade('0.2.9');
    assert.equal(await scene.store.link('current'), NEW);
  });

  it('is told apart from one of the new version alone also where the one that runs was started from the package', async () => {
    await using scene = await UpgradeScene.begin();
    const payload = join(scene.folder, 'payload', OLD);
    await mkdir(dirname(payload));
    await rename(scene.store.folder(OLD), payload);
    await rm(join(payload, 'node'));
    await symlink(scene.store.runtimeFolder(NODE), join(payload, 'node'));
    await rm(scene.paths.current);
    await symlink(payload, scene.paths.current);
    await scene.publish({ version: NEW, program: fails(NEW) });
    await assert.rejects(scene.upgrade(), { code: 'SMM702' });
  });

  it('cannot be told where the version that runs is from before 0.2.0 and knows no self-check', async () => {
    await using scene = await UpgradeScene.begin();
    await scene.install({ version: '0.1.9', program: 'exit 2\n' });
    await scene.store.setLink('current', '0.1.9');
    await scene.publish({ version: NEW, program: fails(NEW) });
    await assert.rejects(scene.upgrade('0.1.9'), { code: 'SMM702' });
  });
});

describe('an archive that is not what it should be', () => {
  const cases: Record<string, { files?: Partial<VersionFiles>; said: RegExp }> = {
    'has a file that is not listed': {
      files: { change: (folder) => writeFile(join(folder, 'extra'), '') },
      said: /release\.json does not list extra/,
    },
    'has other content than listed': {
      files: { change: (folder) => appendFile(join(folder, 'smm-agent.js'), 'exit 1\n') },
      said: /smm-agent\.js is not what release\.json says/,
    },
    'lacks a file': {
      files: { change: (folder) => rm(join(folder, 'flags')) },
      said: /flags is not what release\.json says/,
    },
    'has no release.json': {
      files: { change: (folder) => rm(join(folder, 'release.json')) },
      said: /it has no release\.json that lists smm-agent\.js/,
    },
    'is of another version': {
      files: {
        change: (folder) =>
          writeManifest(folder, { version: '0.9.9', runtime: NODE }, { 'smm-agent.js': 0o644, flags: 0o644 }),
      },
      said: /it holds smm-agent 0\.9\.9/,
    },
    'has a link': {
      files: { change: (folder) => symlink('/etc/shadow', join(folder, 'link')) },
      said: /it has something else than files: ".*link"/,
    },
    'has a hidden file': {
      files: { change: (folder) => writeFile(join(folder, '.hidden'), '') },
      said: /it has a file with a name that is refused: ".*\.hidden"/,
    },
    'would be setuid': {
      files: {
        change: async (folder) => {
          const manifest = JSON.parse(await readFile(join(folder, 'release.json'), 'utf8'));
          manifest.files['smm-agent.js'].mode = 0o4755;
          await writeFile(join(folder, 'release.json'), JSON.stringify(manifest));
        },
      },
      said: /smm-agent\.js would have the mode 4755/,
    },
  };
  for (const [what, { files, said }] of Object.entries(cases)) {
    it(`${what} is refused, and nothing of it is left`, async () => {
      await using scene = await UpgradeScene.begin();
      await scene.publish({ version: NEW, ...files });
      await assert.rejects(scene.upgrade(), { code: 'SMM701', message: said });
      await assertUnchanged(scene);
      assert.deepEqual(await scene.names('versions'), [OLD]);
    });
  }

  for (const [what, content] of Object.entries({
    'no Zstandard': Buffer.from('not an archive'),
    'no tar': zstdCompressSync(Buffer.alloc(5000, 'x')),
    'cut off': zstdCompressSync(Buffer.alloc(5000)).subarray(0, 5),
    'to be unpacked with too much memory': zstdCompressSync(Buffer.alloc(9_000_000), {
      params: { [constants.ZSTD_c_windowLog]: 24 },
    }),
  })) {
    it(`of bytes that are ${what} is refused`, async () => {
      await using scene = await UpgradeScene.begin();
      await scene.publish({ version: NEW });
      await scene.exchange(agentTarget(NEW), content);
      await assert.rejects(scene.upgrade(), {
        code: 'SMM701',
        message: /it is no tar archive, compressed with Zstandard/,
      });
      await assertUnchanged(scene);
    });
  }

  it('that would unpack to more than any version is refused before it fills the disk', async () => {
    await using scene = await UpgradeScene.begin();
    await scene.publish({ version: NEW, change: (folder) => writeFile(join(folder, 'big'), Buffer.alloc(60_000_000)) });
    await assert.rejects(scene.upgrade(), { code: 'SMM701', message: /larger than any version or runtime/ });
    assert.deepEqual(await scene.names('versions'), [OLD]);
  });
});

describe('an upgrade that must not be', () => {
  it('without the guard around the service is refused: nobody would put a bad version back', async () => {
    await using scene = await UpgradeScene.begin();
    await scene.publish({ version: NEW });
    scene.unit = { execStopPost: [] };
    await assert.rejects(scene.upgrade(), { code: 'SMM704', message: /does not run agent-guard/ });
    await assertUnchanged(scene);
    assert.deepEqual(scene.fetched, []);
  });

  it('from another version than the current one is refused: a package came in between', async () => {
    await using scene = await UpgradeScene.begin();
    await scene.install({ version: '0.2.5' });
    await scene.publish({ version: NEW });
    await scene.store.setLink('current', '0.2.5');
    await assert.rejects(scene.upgrade(), { code: 'SMM703', message: /current is 0\.2\.5 by now/ });
    assert.deepEqual(scene.restarts, []);
  });

  it('to a version that a package has removed in between is refused, and it is not to blame', async () => {
    await using scene = await UpgradeScene.begin();
    await scene.install({ version: NEW, runtime: NEXT_NODE });
    await scene.publish({ version: NEW, runtime: NEXT_NODE });
    for (const removed of [scene.store.runtimeFolder(NEXT_NODE), scene.store.folder(NEW)]) {
      let upgrade: Promise<void> | null = null;
      await withFileLock(scene.paths.opt, async () => {
        upgrade = scene.upgrade();
        await isWaitedFor(scene.paths.opt);
        await rename(removed, `${removed}.gone`);
      });
      const said = { code: 'SMM703', message: /what was on disk of 0\.3\.0 is gone by now/ };
      await assert.rejects(Promise.resolve(upgrade), said);
      await assertUnchanged(scene);
      await rename(`${removed}.gone`, removed);
    }
    await scene.upgrade();
    assert.equal(await scene.store.link('current'), NEW);
  });

  it('while a version is on probation is refused', async () => {
    await using scene = await UpgradeScene.begin();
    await scene.publish({ version: NEW });
    await scene.upgrade();
    await scene.publish({ version: '0.4.0' });
    await assert.rejects(scene.upgrade(NEW, '0.4.0'), { code: 'SMM703', message: /0\.3\.0 is on probation/ });
    assert.deepEqual(await scene.links(), { current: NEW, previous: OLD });
  });

  it('is refused before anything is downloaded', async () => {
    await using scene = await UpgradeScene.begin();
    await scene.publish({ version: NEW });
    await scene.store.setLink('current', '0.2.5');
    await assert.rejects(scene.upgrade(), { code: 'SMM703' });
    assert.deepEqual(scene.fetched, []);
  });

  it('is not one because of a probation that was left when its version was put back: that is over', async () => {
    await using scene = await UpgradeScene.begin();
    const { paths, store } = scene;
    await scene.publish({ version: NEW });
    await scene.upgrade();
    await store.setLink('current', OLD);
    // A try that comes to nothing leaves none of it either.
    await scene.publish({ version: '0.3.9', program: 'exit 1\n' });
    await assert.rejects(scene.upgrade(OLD, '0.3.9'), { code: 'SMM702' });
    assert.equal(await readProbation(paths), null);
    await scene.publish({ version: '0.4.0' });
    await scene.upgrade(OLD, '0.4.0');
    assert.deepEqual(await scene.links(), { current: '0.4.0', previous: OLD });
    assert.equal((await readProbation(paths))?.to, '0.4.0');
  });

  it('whose link cannot be made leaves no probation behind: it would keep every later try from switching', async () => {
    await using scene = await UpgradeScene.begin();
    const { current } = scene.paths;
    // Nothing can be renamed over a folder.
    const spoils = `rm '${current}'; mkdir '${current}'\n`;
    await scene.publish({ version: NEW, program: `${spoils}${healthy(NEW)}` });
    await assert.rejects(scene.upgrade(), { code: 'SMM521' });
    assert.equal(await readProbation(scene.paths), null);
    await rm(current, { recursive: true });
    await scene.store.setLink('current', OLD);
    await scene.publish({ version: '0.4.0' });
    await scene.upgrade(OLD, '0.4.0');
    assert.deepEqual(await scene.links(), { current: '0.4.0', previous: OLD });
  });

  it('that is ended leaves nothing but what was downloaded', async () => {
    await using scene = await UpgradeScene.begin();
    await scene.publish({ version: NEW });
    await assert.rejects(scene.upgrade(OLD, NEW, AbortSignal.abort(new Error('ended'))), { message: 'ended' });
    await assertUnchanged(scene);
    assert.deepEqual(await scene.names('versions'), [OLD]);
  });

  it('does not take a file with other modes than its release.json says for sound', async () => {
    await using scene = await UpgradeScene.begin();
    await chmod(join(scene.store.folder(OLD), 'smm-agent.js'), 0o666);
    assert.equal(await scene.store.isSound(OLD), false);
  });
});
