import assert from 'node:assert/strict';
import { mkdir, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { copyInstalled, installedPrograms } from '../../../src/istio/releases/installed.ts';
import { Scene } from './scene.ts';

describe('the installed programs', () => {
  it('are not copied while dpkg exchanges one of them: the four belong together', async () => {
    await using scene = await Scene.begin();
    await scene.install('1.31.0');
    const installed = await installedPrograms(scene.paths);
    const { startScript } = scene.paths.istio;
    await writeFile(`${startScript}.dpkg-new`, 'of the next version');
    await rename(`${startScript}.dpkg-new`, startScript);
    const into = join(scene.paths.releases, 'copy');
    await mkdir(join(into, 'bin'), { recursive: true });
    await assert.rejects(copyInstalled(installed, into, undefined), {
      code: 'SMM448',
      message: /cannot adopt Istio while .*istio-start\.sh is being replaced/,
    });
  });

  it('may lie behind links of the operator', async () => {
    await using scene = await Scene.begin();
    await scene.install('1.31.0');
    const { envoy } = scene.paths.istio;
    await rename(envoy, `${envoy}-custom`);
    await symlink('envoy-custom', envoy);
    const installed = await installedPrograms(scene.paths);
    assert.equal(installed.find(({ file }) => file === 'envoy')?.path, `${envoy}-custom`);
  });
});
