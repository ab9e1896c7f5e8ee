/** The bundled agent: which modules of Node it must not have loaded after two polls. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { bundle } from '../../packaging/bundle.ts';
import { NODE_FLAGS } from '../../packaging/node-flags.ts';
import { projectRoot } from '../../scripts/project.ts';
import { readStatus } from '../../src/status/file.ts';
import { SandboxMachine } from '../sandbox/machine.ts';
import { SandboxMesh } from '../sandbox/mesh.ts';
import { until } from '../support/until.ts';
import { UNUSED, WITNESS } from './loaded-modules.ts';

describe('the bundled agent', () => {
  let mesh: SandboxMesh;
  let machine: SandboxMachine;

  before(async () => {
    mesh = await SandboxMesh.make([{ name: 'default', version: '1.31.0' }]);
    machine = await SandboxMachine.make({ mesh, istio: '1.31.0' });
  });
  after(async () => {
    await machine?.[Symbol.asyncDispose]();
    await mesh?.[Symbol.asyncDispose]();
  });

  it('adopts, reports and polls with the flags of the launcher, and loads no unused module of Node', async () => {
    const [main, witness] = [join(machine.root, 'smm-agent.js'), join(machine.root, 'witness.cjs')];
    await writeFile(main, (await bundle(projectRoot, '9.8.7')).code);
    await writeFile(witness, WITNESS);
    const args = [...NODE_FLAGS, '--require', witness, main, '--root', machine.root, 'run'];
    const daemon = spawn(process.execPath, args, { env: { PATH: machine.manager.path }, stdio: 'ignore' });
    const ended = once(daemon, 'exit');
    try {
      const polls = new Set<string>();
      await until(
        'two polls of a ready agent',
        async () => {
          const status = await readStatus(machine.paths);
          if (status?.agent.version === '9.8.7' && status.agent.state === 'ready') polls.add(status.at);
          return polls.size >= 2;
        },
        Boolean,
        60_000,
      );
      daemon.kill('SIGUSR2');
      await until('the list', () => existsSync(`${witness}.json`));
      const list = await until(
        'the whole list',
        () => readFile(`${witness}.json`, 'utf8'),
        (text) => text.endsWith(']'),
      );
      const loaded = (JSON.parse(list) as string[]).map((name) => name.replace('NativeModule ', ''));
      assert.ok(loaded.includes('https'), 'the list contains the modules that are used');
      assert.deepEqual(
        UNUSED.filter((name) => loaded.includes(name)),
        [],
      );
    } finally {
      daemon.kill('SIGTERM');
      assert.deepEqual(await ended, [0, null]);
    }
  });
});
