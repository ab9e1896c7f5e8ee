import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { bundle } from '../../packaging/bundle.ts';
import { buildDeb } from '../../packaging/deb.ts';
import { packageJson, projectRoot } from '../../scripts/project.ts';
import { leafKeys } from '../../src/config/keys.ts';
import { Config } from '../../src/config/schema.ts';
import { FolderMachine, must } from './machine.ts';

describe('the bundle', () => {
  it('is one file that runs without other files, and contains its version', async () => {
    using machine = new FolderMachine();
    const { code, packages } = await bundle(projectRoot, '9.8.7');
    const file = join(machine.work, 'smm-agent.js');
    writeFileSync(file, code);
    const help = must(process.execPath, [file, 'help']);
    assert.match(help, /^smm-agent keeps this virtual machine/);
    assert.equal(packages.includes('zod'), true);
    const set = must(process.execPath, [file, '--root', machine.root, 'set', 'hold', 'true']);
    assert.match(set, /^changed hold/);
    const wrong = spawnSync(process.execPath, [file, '--root', machine.root, 'show-config'], { encoding: 'utf8' });
    assert.equal(wrong.status, 78);
  });

  it('is the same in each build', async () => {
    assert.equal((await bundle(projectRoot, '1.0.0')).code, (await bundle(projectRoot, '1.0.0')).code);
  });
});

describe('the package', () => {
  it('has the same bytes in each build, in any folder', async () => {
    using machine = new FolderMachine();
    using other = new FolderMachine();
    assert.deepEqual(readFileSync(await machine.build('1.0.0')), readFileSync(await other.build('1.0.0')));
  });

  it('contains no file that a running agent or Istio needs, and root owns every file', async () => {
    using machine = new FolderMachine();
    const lines = must('dpkg-deb', ['-c', await machine.build('1.0.0')])
      .trim()
      .split('\n');
    for (const line of lines) {
      assert.match(line, /^[dl-]([r-][w-][x-]){3} root\/root /);
      assert.doesNotMatch(line, / \.\/(opt|var|run|usr\/local)\//);
    }
    const paths = lines.map((line) => line.replace(/^(\S+\s+){5}/, ''));
    for (const path of [
      './lib/systemd/system/smm-agent.service',
      './usr/bin/smm-agent',
      './usr/lib/smm-agent/payload/versions/1.0.0/smm-agent.js',
      './usr/lib/smm-agent/payload/versions/1.0.0/node -> ../../runtimes/24.0.0',
      './usr/lib/smm-agent/payload/versions/1.0.0/flags',
      './usr/lib/smm-agent/payload/versions/1.0.0/copyright',
      './usr/lib/smm-agent/payload/runtimes/24.0.0/bin/node',
      './usr/lib/smm-agent/payload/runtimes/24.0.0/LICENSE',
      './usr/lib/smm-agent/payload/bin/smm-agent',
      './etc/smm/',
      './etc/needrestart/conf.d/smm-agent.conf',
    ]) {
      assert.equal(paths.includes(path), true, `${path} is missing`);
    }
    assert.equal(
      paths.some((path) => path.endsWith('agent.yaml')),
      false,
      'only the operator writes agent.yaml',
    );
  });

  it('has a version for a prerelease that dpkg also takes for older than the release', async () => {
    using machine = new FolderMachine();
    const file = await machine.build('1.0.0-rc.1');
    assert.equal(file, join(machine.work, 'out/smm-agent_1.0.0~rc.1_amd64.deb'));
    assert.equal(must('dpkg-deb', ['--field', file, 'Version']), '1.0.0~rc.1\n');
    must('dpkg', ['--compare-versions', '1.0.0~rc.1', 'lt', '1.0.0']);
    machine.unpack(file);
    assert.deepEqual(readdirSync(join(machine.root, 'usr/lib/smm-agent/payload/versions')), ['1.0.0-rc.1']);
  });

  it('contains a root of trust, as a conffile, only if it is built with one', async () => {
    using machine = new FolderMachine();
    const path = 'etc/smm/repository/root.json';
    machine.unpack(await machine.build('1.0.0'));
    assert.equal(existsSync(join(machine.root, path)), false);
    const trustedRoot = join(machine.work, 'root.json');
    writeFileSync(trustedRoot, '{"the":"root"}\n');
    const file = await machine.build('1.0.1', 'code\n', trustedRoot);
    machine.unpack(file);
    assert.equal(readFileSync(join(machine.root, path), 'utf8'), '{"the":"root"}\n');
    assert.equal(must('dpkg-deb', ['--info', file, 'conffiles']).includes(`/${path}\n`), true);
  });

  it('leaves only the deb behind, and fails with the message of dpkg-deb', async () => {
    using machine = new FolderMachine();
    await machine.build('1.0.0');
    assert.deepEqual(readdirSync(join(machine.work, 'out')), ['smm-agent_1.0.0_amd64.deb']);
    const runtime = join(machine.work, 'runtime-1.0.0');
    const contents = { projectRoot, version: 'no version', code: '', copyright: '', runtime, runtimeVersion: '24.0.0' };
    const output = join(machine.work, 'wrong');
    await assert.rejects(
      () => buildDeb({ architecture: 'amd64', contents, output, compression: 'none', sourceDateEpoch: 1 }),
      /cannot build the package: .*[Vv]ersion/s,
    );
    assert.deepEqual(readdirSync(output), []);
  });

  it('names the licence of every bundled package', async () => {
    const { copyrightText } = await import('../../packaging/copyright.ts');
    const { packages } = await bundle(projectRoot, '1.0.0');
    const text = copyrightText(projectRoot, packages, 'Node licence', packageJson().config.runtime);
    for (const name of packages) assert.match(text, new RegExp(`^${name} \\S+ \\(.+\\), part of smm-agent\\.js$`, 'm'));
    assert.match(text, /Apache License/);
    assert.match(text, /Node licence/);
  });
});

describe('the example configuration', () => {
  const text = readFileSync(join(projectRoot, 'packaging/files/agent.yaml.example'), 'utf8');

  it('is valid, and has the default of every key', () => {
    const example = Config.parse(parse(text));
    const { workloadGroup, controlPlane } = example;
    const smallest = Config.parse({ workloadGroup, controlPlane: { server: controlPlane.server } });
    assert.deepEqual(example, smallest);
  });

  it('explains every key', () => {
    for (const key of leafKeys()) assert.match(text, new RegExp(`^ *(# )?${key.split('.').at(-1)}:`, 'm'), key);
  });
});
