/** The bundled client of the signed repository: it works without the modules of Node that it must not load. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import { bundle } from '../../packaging/bundle.ts';
import { NODE_FLAGS } from '../../packaging/node-flags.ts';
import { projectRoot } from '../../scripts/project.ts';
import { CONTENT, Scene, TARGET } from '../downloads/signed/scene.ts';
import { ConnectProxy } from '../sandbox/connect-proxy.ts';
import { UNUSED, WITNESS } from './loaded-modules.ts';

const PROGRAM = 'test/downloads/signed/ask-main.ts';

it('the bundled client fetches a file, loads no unused module of Node, and writes nothing to stderr', async () => {
  await using scene = await Scene.begin();
  const [main, witness] = [join(scene.path, 'ask.js'), join(scene.path, 'witness.cjs')];
  const { code, packages } = await bundle(projectRoot, '9.8.7', PROGRAM);
  assert.ok(packages.includes('tuf-js'));
  assert.deepEqual(
    packages.filter((name) => ['debug', '@gar/promise-retry', 'ms'].includes(name)),
    [],
  );
  await writeFile(main, code);
  await writeFile(witness, WITNESS);
  // Through a proxy: Node handles proxies here. The code of axios for proxies is not bundled.
  await using proxy = await new ConnectProxy().start();
  const options = { ...scene.options, proxy: { https: proxy.url, no: '' } };
  const args = [...NODE_FLAGS, '--require', witness, main, JSON.stringify(options), TARGET];
  const client = spawn(process.execPath, args, { env: { DEBUG: '*' }, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  client.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const [status] = await once(client, 'close');
  assert.deepEqual([status, said], [0, '']);
  assert.equal(new Set(proxy.asked).size, 1);
  assert.ok(CONTENT.equals(await readFile(join(scene.downloads, 'smm-agent-1.2.3.tar.zst'))));
  const list = JSON.parse(await readFile(`${witness}.json`, 'utf8')) as string[];
  const loaded = list.map((name) => name.replace('NativeModule ', ''));
  assert.ok(loaded.includes('https'), 'the list contains the modules that are used');
  assert.deepEqual(
    UNUSED.filter((name) => loaded.includes(name)),
    [],
  );
});
