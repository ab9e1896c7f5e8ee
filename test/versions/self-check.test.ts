import assert from 'node:assert/strict';
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { readProbation } from '../../src/versions/probation.ts';
import { assertUnchanged, healthy, NEW, NEXT_NODE, NODE, OLD, UpgradeScene, writeManifest } from './scene.ts';

describe('an upgrade to a version that fails its self-check', () => {
  const cases: Record<string, { program: string; said: RegExp }> = {
    'with a check that fails': {
      program: `${healthy(NEW, [{ name: 'configuration', ok: false, said: 'cannot use the configuration: line 3' }])}exit 1\n`,
      said: /its self-check failed: configuration: cannot use the configuration: line 3/,
    },
    'with exit status 1': {
      program: 'echo "TypeError: x" >&2\nexit 1\n',
      said: /it ended with status 1: TypeError: x/,
    },
    'with exit status 0 and no output': { program: 'exit 0\n', said: /it did not answer/ },
    'by a signal': { program: 'kill -SEGV $$\n', said: /it ended with (SIGSEGV|status 139)/ },
    'by printing another version': { program: healthy('0.9.9'), said: /it says that it is 0\.9\.9/ },
  };
  for (const [how, { program, said }] of Object.entries(cases)) {
    it(`${how} does not switch`, async () => {
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

  it('because its Node is for another architecture does not switch', async () => {
    await using scene = await UpgradeScene.begin();
    await scene.install({ version: '0.1.9', runtime: NEXT_NODE });
    await scene.publish({ version: NEW, runtime: NEXT_NODE });
    // A program for another architecture, which the kernel refuses to run.
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

  it('fails with the output of the self-check as evidence', async () => {
    await using scene = await UpgradeScene.begin();
    await scene.publish({ version: NEW, program: 'echo "the last words" >&2\nexit 3\n' });
    await assert.rejects(scene.upgrade(), { evidence: 'the last words\n' });
  });
});

describe('a self-check that fails for the current version too', () => {
  const bad = [{ name: 'configuration', ok: false, said: 'cannot use the configuration: line 3' }];
  const fails = (version: string) => `${healthy(version, bad)}exit 1\n`;

  it('does not reject the new version, because the cause is the machine', async () => {
    await using scene = await UpgradeScene.begin();
    await scene.install({ version: '0.2.9', program: fails('0.2.9') });
    await scene.store.setLink('current', '0.2.9');
    await scene.publish({ version: NEW, program: fails(NEW) });
    await assert.rejects(scene.upgrade('0.2.9'), {
      code: 'SMM709',
      message:
        'cannot switch to smm-agent 0.3.0: its self-check fails, and so does that of smm-agent 0.2.9: configuration: cannot use the configuration: line 3',
    });
    assert.deepEqual(await scene.links(), { current: '0.2.9', previous: null });
    assert.equal(await readProbation(scene.paths), null);
  });

  it('does not reject the new version if its self-check passes at the second try', async () => {
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

  it('is compared with the current version even if that was started from the package', async () => {
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

  it('rejects the new version if the current version is before 0.2.0 and has no self-check', async () => {
    await using scene = await UpgradeScene.begin();
    await scene.install({ version: '0.1.9', program: 'exit 2\n' });
    await scene.store.setLink('current', '0.1.9');
    await scene.publish({ version: NEW, program: fails(NEW) });
    await assert.rejects(scene.upgrade('0.1.9'), { code: 'SMM702' });
  });
});
