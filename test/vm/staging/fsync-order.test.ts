/** The order in which an upgrade reaches the disk, as the kernel sees it: needs strace, no root and no VM. */
import assert from 'node:assert/strict';
import { readFile, realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { pathsUnder } from '../../../src/base/paths.ts';
import { RELEASE_FILES } from '../../../src/istio/release.ts';
import { DownloadServer } from '../../sandbox/downloads.ts';
import { buildIstioPackage, writeIstioFiles } from '../../sandbox/istio-package.ts';
import { type TemporaryFolder, temporaryFolder } from '../../support/temporary.ts';
import { DiskTrace, type PlacedRename } from '../lab/machine/disk-trace.ts';

const PROGRAM = join(import.meta.dirname, '../../istio/releases/upgrade.ts');

let folder: TemporaryFolder;
let trace: DiskTrace;
let root: string;

before(async () => {
  folder = await temporaryFolder();
  root = join(await realpath(folder.path), 'machine');
  await using server = await new DownloadServer().start();
  await buildIstioPackage(join(folder.path, 'istio.deb'), { version: '1.31.1' });
  server.publish('1.31.1', await readFile(join(folder.path, 'istio.deb')));
  await writeIstioFiles(root, { version: '1.31.0' });
  trace = await DiskTrace.of([process.execPath, PROGRAM, root, server.url, '1.31.1'], root);
});

after(() => folder[Symbol.asyncDispose]());

describe('everything that an upgrade writes', () => {
  it('is on disk before it gets its name', () => {
    const files = trace.renames.filter(
      ({ from }) => !basename(from).startsWith('.active') && !basename(from).startsWith('.staged'),
    );
    assert.ok(files.length > 12, `only ${files.length} renames were seen`);
    for (const { index, from, to } of files) {
      if (basename(to).startsWith('.trash-')) continue;
      assert.ok(trace.isSynced(from, 0, index), `${from} was not on disk when it became ${to}`);
    }
  });

  it('has its name on disk before anything else is renamed', () => {
    assert.deepEqual(trace.lateNames(), []);
  });
});

describe('a release', () => {
  it('has every file on disk before the marker, the marker before the name, and the name before a link points to it', () => {
    const { releases, active, staged } = pathsUnder(root);
    const named = trace.renames.filter(
      ({ from, to }) => dirname(to) === releases && basename(from).startsWith('.new-'),
    );
    assert.equal(named.length, 2);
    for (const [at, link] of [active, staged].entries()) {
      const { index, from, to } = named[at] as PlacedRename;
      const marker = trace.renames.find((rename) => rename.to === join(from, RELEASE_FILES.manifest));
      assert.ok(marker !== undefined && marker.index < index);
      for (const name of [
        RELEASE_FILES.envoy,
        RELEASE_FILES.pilotAgent,
        RELEASE_FILES.startScript,
        RELEASE_FILES.bootstrapTemplate,
      ]) {
        assert.ok(trace.isSynced(join(from, name), 0, marker.index), `${name} was not on disk before the marker`);
      }
      for (const name of [RELEASE_FILES.mesh, RELEASE_FILES.clusterEnv, RELEASE_FILES.hosts]) {
        const written = trace.renames.find((rename) => rename.to === join(from, name));
        assert.ok(written !== undefined && written.index < marker.index, `${name} came after the marker`);
      }
      assert.ok(trace.isSynced(join(from, 'bin'), 0, index), 'the names in bin were not on disk');
      const linked = trace.renames.find((rename) => rename.to === link);
      assert.ok(linked !== undefined && linked.index > index, `${link} was made before ${to}`);
      assert.ok(trace.isSynced(releases, index, linked.index), `the name ${to} was not on disk when ${link} was made`);
    }
  });
});
