import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { readCases } from '../istio/configuration/cases.ts';
import { openTerminal } from '../support/terminal.ts';

describe('smm-agent render', () => {
  it('renders the objects of --from without agent.yaml and without a cluster, and prints the files', async () => {
    await using terminal = await openTerminal();
    const [one] = readCases<{ in: unknown; out: { clusterEnv: string } }>('istioctl-cases.jsonl');
    const from = join(terminal.paths.root, 'objects.json');
    await writeFile(from, JSON.stringify(one?.in));
    const output = join(terminal.paths.root, 'out');
    const { code, stdout, stderr } = await terminal.type(['render', '--output', output, '--from', from]);
    assert.equal(code, 0, stderr);
    assert.deepEqual(
      stdout,
      ['cluster.env', 'mesh.yaml', 'hosts', 'root-cert.pem'].map((name) => `${join(output, name)}\n`).join(''),
    );
    assert.equal(await readFile(join(output, 'cluster.env'), 'utf8'), one?.out.clusterEnv);
  });

  it('needs --output, and without --from also the configuration', async () => {
    await using terminal = await openTerminal();
    assert.equal((await terminal.type(['render'])).code, 64);
    assert.equal((await terminal.type(['render', '--output', terminal.paths.root])).code, 78);
    const missing = await terminal.type(['render', '-o', terminal.paths.root, '--from', '/nowhere.json']);
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /SMM610/);
  });
});
