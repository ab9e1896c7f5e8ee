import assert from 'node:assert/strict';
import { access, chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { render } from '../../src/cli/render.ts';
import { readCases, someInputs } from '../istio/configuration/cases.ts';

const NO_LOCAL = { env: {}, mesh: {} };

describe('smm-agent render', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'smm-render-'));
  });
  afterEach(() => rm(folder, { recursive: true }));
  const noControlPlane = () => Promise.reject(new Error('the control plane was asked'));

  it("writes the files with istioctl's names, readable by all and not executable", async () => {
    const output = join(folder, 'a', 'out');
    const paths = await render({ output }, () => Promise.resolve(someInputs()), NO_LOCAL);
    const names = ['cluster.env', 'mesh.yaml', 'hosts', 'root-cert.pem'];
    assert.deepEqual(
      paths,
      names.map((name) => join(output, name)),
    );
    assert.deepEqual((await readdir(output)).toSorted(), names.toSorted());
    for (const path of paths) assert.equal((await stat(path)).mode & 0o777, 0o644);
    assert.equal(await readFile(join(output, 'hosts'), 'utf8'), '10.77.0.1 istiod-canary.istio-system.svc\n');
  });

  it('renders given objects without a control plane', async () => {
    const [one] = readCases<{ in: unknown; out: { clusterEnv: string } }>('istioctl-cases.jsonl');
    for (const [name, content] of [
      ['objects.json', one?.in],
      ['case.json', one],
    ] as const) {
      const from = join(folder, name);
      await writeFile(from, JSON.stringify(content));
      await render({ output: folder, from }, noControlPlane, NO_LOCAL);
      assert.equal(await readFile(join(folder, 'cluster.env'), 'utf8'), one?.out.clusterEnv);
      await rm(join(folder, 'cluster.env'));
    }
  });

  it('writes none of the files when one cannot be rendered', async () => {
    const output = join(folder, 'out');
    const inputs = () => Promise.resolve(someInputs({ injectorValues: '[' }));
    await assert.rejects(render({ output }, inputs, NO_LOCAL), { code: 'SMM301' });
    await assert.rejects(access(output), { code: 'ENOENT' });
  });

  it('keeps the mode of an existing folder', async () => {
    const output = join(folder, 'mine');
    await mkdir(output);
    await chmod(output, 0o700);
    await render({ output }, () => Promise.resolve(someInputs()), NO_LOCAL);
    assert.equal((await stat(output)).mode & 0o777, 0o700);
  });

  it('says what is wrong with the file of objects', async () => {
    const from = join(folder, 'objects.json');
    const rejects = (message: RegExp) =>
      assert.rejects(render({ output: folder, from }, noControlPlane, NO_LOCAL), { code: 'SMM610', message });
    await rejects(/the file does not exist/);
    await writeFile(from, '{');
    await rejects(/the file is not JSON/);
    await writeFile(from, '{"workloadGroup": 5}');
    await rejects(/workloadGroup: /);
  });
});
