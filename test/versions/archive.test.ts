import assert from 'node:assert/strict';
import { appendFile, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { constants, zstdCompressSync } from 'node:zlib';
import { agentTarget } from '../../src/downloads/targets.ts';
import { assertUnchanged, NEW, NODE, OLD, UpgradeScene, type VersionFiles, writeManifest } from './scene.ts';

describe('an archive of a version that is wrong', () => {
  const cases: Record<string, { files?: Partial<VersionFiles>; said: RegExp }> = {
    'has a file that is not listed': {
      files: { change: (folder) => writeFile(join(folder, 'extra'), '') },
      said: /release\.json does not list extra/,
    },
    'has other content than listed': {
      files: { change: (folder) => appendFile(join(folder, 'smm-agent.js'), 'exit 1\n') },
      said: /smm-agent\.js is not what release\.json says/,
    },
    'lacks a file of release.json': {
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
    'has a setuid file': {
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
    it(`is refused, and leaves no files, when it ${what}`, async () => {
      await using scene = await UpgradeScene.begin();
      await scene.publish({ version: NEW, ...files });
      await assert.rejects(scene.upgrade(), { code: 'SMM701', message: said });
      await assertUnchanged(scene);
      assert.deepEqual(await scene.names('versions'), [OLD]);
    });
  }

  for (const [what, content] of Object.entries({
    'are not Zstandard': Buffer.from('not an archive'),
    'are not tar': zstdCompressSync(Buffer.alloc(5000, 'x')),
    'are cut off': zstdCompressSync(Buffer.alloc(5000)).subarray(0, 5),
    'need too much memory to unpack': zstdCompressSync(Buffer.alloc(9_000_000), {
      params: { [constants.ZSTD_c_windowLog]: 24 },
    }),
  })) {
    it(`is refused when its bytes ${what}`, async () => {
      await using scene = await UpgradeScene.begin();
      await scene.publish({ version: NEW });
      await scene.exchange(agentTarget(NEW), content);
      await assert.rejects(scene.upgrade(), {
        code: 'SMM701',
        message: /it is not a tar archive, compressed with Zstandard/,
      });
      await assertUnchanged(scene);
    });
  }

  it('is refused before it fills the disk when it is larger than any version', async () => {
    await using scene = await UpgradeScene.begin();
    await scene.publish({ version: NEW, change: (folder) => writeFile(join(folder, 'big'), Buffer.alloc(60_000_000)) });
    await assert.rejects(scene.upgrade(), { code: 'SMM701', message: /larger than any version or runtime/ });
    assert.deepEqual(await scene.names('versions'), [OLD]);
  });
});
