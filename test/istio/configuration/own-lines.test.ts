import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { withGroupExcluded, withMeshConfigFlag } from '../../../src/istio/configuration/env/own-lines.ts';
import { sourceAll } from './bash.ts';

const MESH = '/opt/smm-agent/istio/active/mesh';

describe('the flag that names the mesh file', () => {
  it("is the last line, after the host's own content", () => {
    const own = '# ISTIO_AGENT_FLAGS="--proxyLogLevel debug"\nISTIO_AGENT_FLAGS="--proxyLogLevel debug"\n';
    assert.equal(
      withMeshConfigFlag(own, MESH),
      `${own}ISTIO_AGENT_FLAGS="\${ISTIO_AGENT_FLAGS:-} --meshConfig ${MESH}"\n`,
    );
  });

  it('is there once, however often it is put there, and with the newest path', () => {
    for (const text of ['', '# all comments', 'A=b\n\n']) {
      const once = withMeshConfigFlag(text, MESH);
      assert.equal(withMeshConfigFlag(once, MESH), once);
      assert.equal(withMeshConfigFlag(withMeshConfigFlag(text, '/other'), MESH), once);
      assert.equal(
        withMeshConfigFlag(`${once}B=c\n`, MESH),
        withMeshConfigFlag(`${text}${text === '' || text.endsWith('\n') ? '' : '\n'}B=c\n`, MESH),
      );
    }
  });

  it('is refused for a path that the start script would cut or run', () => {
    for (const path of ['/a b', '/a;id', '$(id)', '/a"b']) {
      assert.throws(() => withMeshConfigFlag('', path), { code: 'SMM306' });
    }
    assert.throws(() => withMeshConfigFlag("A='x\n", MESH), { code: 'SMM306', message: /never closed/ });
  });
});

describe('the lines under set -e and set -a', () => {
  let folder: string;
  let path: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'smm-lines-'));
    path = join(folder, 'bin');
    await mkdir(path);
    await writeFile(join(path, 'getent'), '#!/bin/sh\n[ "$1 $2" = "group smm-agent" ]\n');
    await chmod(join(path, 'getent'), 0o755);
  });
  after(() => rm(folder, { recursive: true }));

  const FLAGS = 'ISTIO_AGENT_FLAGS';
  const GROUPS = 'ISTIO_OUTBOUND_OWNER_GROUPS_EXCLUDE';
  const table: [what: string, text: string, key: string, expected: string][] = [
    ['the flag alone', withMeshConfigFlag('', MESH), FLAGS, ` --meshConfig ${MESH}`],
    ['the flag after others', withMeshConfigFlag(`${FLAGS}="-a b"`, MESH), FLAGS, `-a b --meshConfig ${MESH}`],
    ['the group alone', withGroupExcluded('', 'smm-agent'), GROUPS, 'smm-agent'],
    ['the group after others', withGroupExcluded(`${GROUPS}=root,adm`, 'smm-agent'), GROUPS, 'root,adm,smm-agent'],
    ['a group that is there already', withGroupExcluded(`${GROUPS}=smm-agent,a`, 'smm-agent'), GROUPS, 'smm-agent,a'],
    ['a group that is missing', withGroupExcluded(`${GROUPS}=root`, 'missing'), GROUPS, 'root'],
    ['a missing group alone', withGroupExcluded('', 'missing'), GROUPS, ''],
    ['twice the group', withGroupExcluded(withGroupExcluded('', 'smm-agent'), 'smm-agent'), GROUPS, 'smm-agent'],
  ];
  for (const [what, text, key, expected] of table) {
    it(`give what they should: ${what}`, async () => {
      await writeFile(join(folder, 'it.env'), text);
      assert.deepEqual(await sourceAll(folder, [{ name: 'it.env', keys: [key] }], path), [[expected]]);
    });
  }

  it('are put once, and the group must be one', () => {
    const once = withGroupExcluded('A=b', 'smm-agent');
    assert.equal(withGroupExcluded(once, 'smm-agent'), once);
    assert.equal(once.split('\n').length, 3);
    assert.throws(() => withGroupExcluded('', 'a;b'), { code: 'SMM306' });
  });
});
