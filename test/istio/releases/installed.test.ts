import assert from 'node:assert/strict';
import { chmod, mkdir, rename, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { readInstalledFiles } from '../../../src/istio/installed-files.ts';
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

  it('are not taken over when anybody could have written them, or put others in their place', async () => {
    await using scene = await Scene.begin();
    await scene.install('1.31.0');
    const { envoy, bootstrapTemplate } = scene.paths.istio;
    for (const [path, mode, why] of [
      [envoy, 0o777, /\/envoy: everybody can write it/],
      [bootstrapTemplate, 0o666, /\.json: everybody can write it/],
      [dirname(envoy), 0o777, /\/envoy: everybody can write \S*\/bin,/],
    ] as const) {
      const { mode: before } = await stat(path);
      await chmod(path, mode);
      await assert.rejects(installedPrograms(scene.paths), {
        code: 'SMM310',
        message: why,
        remedy: /chown.*chmod go-w/,
      });
      await chmod(path, before);
    }
    await chmod(dirname(envoy), 0o1777);
    await installedPrograms(scene.paths);
  });

  it('bring no configuration that anybody could have written', async () => {
    await using scene = await Scene.begin();
    await scene.install('1.31.0');
    const { clusterEnv, sidecarEnv, mesh } = scene.paths.istio;
    for (const path of [clusterEnv, sidecarEnv, mesh]) {
      await chmod(path, 0o606);
      await assert.rejects(readInstalledFiles(scene.paths), { code: 'SMM310' });
      await chmod(path, 0o640);
    }
    await readInstalledFiles(scene.paths);
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
