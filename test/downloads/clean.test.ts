import assert from 'node:assert/strict';
import { readdir, utimes, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, it } from 'node:test';
import { cleanDownloads } from '../../src/downloads/clean.ts';
import { agentTarget, runtimeTarget } from '../../src/downloads/targets.ts';
import { temporaryFolder } from '../support/temporary.ts';

const nodeFor = (version: string) => runtimeTarget(version, 'arm64');

describe('old downloads', () => {
  it('are those whose release is on disk, and those that were not continued for a week', async () => {
    await using folder = await temporaryFolder();
    const now = new Date('2026-11-23T12:00:00Z');
    const files: [string, number][] = [
      ['istio-sidecar_1.31.0_amd64.deb', 0],
      ['istio-sidecar_1.31.1_amd64.deb', 0],
      ['istio-sidecar_1.31.2-rc.0_amd64.deb.part', 6],
      ['istio-sidecar_1.31.2-rc.0_amd64.deb.part.json', 6],
      ['istio-sidecar_1.30.0_arm64.deb.part', 8],
      ['somebody-elses.deb', 100],
    ];
    for (const [name, days] of files) {
      await writeFile(join(folder.path, name), '');
      const at = new Date(now.getTime() - days * 24 * 3_600_000);
      await utimes(join(folder.path, name), at, at);
    }
    const removed = await cleanDownloads(folder.path, { istio: new Set(['1.31.0']) }, now);
    assert.deepEqual(removed.sort(), ['istio-sidecar_1.30.0_arm64.deb.part', 'istio-sidecar_1.31.0_amd64.deb']);
    assert.equal((await readdir(folder.path)).length, 4);
  });

  it('are agents and runtimes too, under the names that they have in the repository', async () => {
    await using folder = await temporaryFolder();
    const now = new Date('2026-11-23T12:00:00Z');
    const names = [agentTarget('0.2.0'), agentTarget('0.3.0-rc.1'), ...['24.21.0', '24.22.0'].map(nodeFor)].map(
      (path) => basename(path),
    );
    const all = [...names, ...names.map((name) => `${name}.part`), ...names.map((name) => `${name}.part.json`)];
    for (const name of all) {
      await writeFile(join(folder.path, name), '');
      await utimes(join(folder.path, name), now, now);
    }
    const onDisk = { istio: new Set<string>(), agent: new Set(['0.2.0']), runtime: new Set(['24.21.0']) };
    await cleanDownloads(folder.path, onDisk, now);
    const left = all.filter((name) => !/0\.2\.0|24\.21\.0/.test(name));
    assert.deepEqual((await readdir(folder.path)).sort(), left.sort());
    await cleanDownloads(folder.path, { istio: new Set() }, new Date(now.getTime() + 8 * 24 * 3_600_000));
    assert.deepEqual(await readdir(folder.path), []);
  });

  it('are none where there is no folder yet', async () => {
    assert.deepEqual(await cleanDownloads('/nowhere/smm', { istio: new Set() }), []);
  });
});
