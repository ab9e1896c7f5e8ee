import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { describe, it } from 'node:test';
import {
  ignoredEdits,
  noteOldConfiguration,
  recordOldConfiguration,
} from '../../../src/istio/activation/old-configuration.ts';
import { UnitMachine } from './unit-machine.ts';

function machine(): UnitMachine {
  const made = new UnitMachine();
  return made.write(made.paths.istio.clusterEnv, 'A=1\n').write(made.paths.istio.mesh, 'defaultConfig: {}\n');
}

describe("edits of Istio's own configuration after the adoption", () => {
  it('are none at first, and none when a file is written again with the same text', async () => {
    using made = machine();
    assert.deepEqual(await ignoredEdits(made.paths, null), []);
    await recordOldConfiguration(made.paths);
    made.write(made.paths.istio.clusterEnv, 'A=1\n');
    assert.deepEqual(await ignoredEdits(made.paths, null), []);
  });

  it('are told with the file and what to use instead', async () => {
    using made = machine();
    await recordOldConfiguration(made.paths);
    made.write(made.paths.istio.clusterEnv, 'A=2\n');
    const [sentence, ...more] = await ignoredEdits(made.paths, null);
    assert.deepEqual(more, []);
    assert.match(sentence ?? '', /cluster\.env was edited at .*no longer read.*istio\.env in .*agent\.yaml/);
  });

  it('include a file that came or went', async () => {
    using made = machine();
    await recordOldConfiguration(made.paths);
    rmSync(made.paths.istio.mesh);
    made.write(made.paths.istio.sidecarEnv, 'B=1\n');
    assert.equal((await ignoredEdits(made.paths, null)).length, 2);
  });

  it('are still told after the drop-in was put in once more, and taken over by another adoption', async () => {
    using made = machine();
    await recordOldConfiguration(made.paths);
    made.write(made.paths.istio.clusterEnv, 'A=2\n');
    await recordOldConfiguration(made.paths);
    assert.equal((await ignoredEdits(made.paths, null)).length, 1);
    await noteOldConfiguration(made.paths);
    assert.deepEqual(await ignoredEdits(made.paths, null), []);
  });

  it('are none when only comments and blanks differ, as in the sidecar.env of another version of the package', async () => {
    using made = machine();
    const own = {
      clusterEnv: 'A=1\n',
      sidecarEnv: '# of 1.31.0\nB=1\n',
      mesh: 'defaultConfig: {}\n',
      hosts: '',
      rootCert: null,
    };
    made.write(made.paths.istio.sidecarEnv, own.sidecarEnv);
    await recordOldConfiguration(made.paths);
    made
      .write(made.paths.istio.sidecarEnv, '# of 1.31.1, and more\n\nB=1\n')
      .write(made.paths.istio.mesh, '# mine\ndefaultConfig: {}\n');
    assert.deepEqual(await ignoredEdits(made.paths, own), []);
    made.write(made.paths.istio.sidecarEnv, '# of 1.31.1\nB=2\n');
    assert.match((await ignoredEdits(made.paths, own)).join(), /sidecar\.env was edited/);
    made.write(made.paths.istio.mesh, 'defaultConfig: {concurrency: 2}\n');
    assert.equal((await ignoredEdits(made.paths, own)).length, 2);
  });

  it('are a warning where istio-proxy has put something else in the place of a file', async () => {
    using made = machine();
    await recordOldConfiguration(made.paths);
    for (const make of ['mkfifo', 'mkdir', 'ln -s /dev/zero', 'truncate -s 500M']) {
      rmSync(made.paths.istio.clusterEnv, { recursive: true });
      execFileSync('sh', ['-c', `${make} "$1"`, 'make', made.paths.istio.clusterEnv]);
      const [sentence, ...more] = await ignoredEdits(made.paths, null);
      assert.deepEqual(more, []);
      assert.match(sentence ?? '', /^cannot tell whether .*cluster\.env was edited: cannot read/);
    }
  });
});
