/** The order in which an upgrade reaches the disk, as the kernel sees it: needs strace, no root and no VM. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile, realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { RELEASE_FILES } from '../../src/istio/release.ts';
import { pathsUnder } from '../../src/paths.ts';
import { DownloadServer } from '../sandbox/downloads.ts';
import { buildIstioPackage, writeIstioFiles } from '../sandbox/istio-package.ts';
import { type TemporaryFolder, temporaryFolder } from '../temporary.ts';

const PROGRAM = join(import.meta.dirname, '../istio/releases/upgrade.ts');

interface Rename {
  call: 'rename';
  from: string;
  to: string;
}

/** What the program did and what did not fail, in order: an fsync counts when it has ended, a rename when it begins. */
type Event = { call: 'fsync'; path: string } | Rename;

let folder: TemporaryFolder;
let events: Event[];
let root: string;

before(async () => {
  folder = await temporaryFolder();
  root = join(await realpath(folder.path), 'machine');
  await using server = await new DownloadServer().start();
  await buildIstioPackage(join(folder.path, 'istio.deb'), { version: '1.31.1' });
  server.publish('1.31.1', await readFile(join(folder.path, 'istio.deb')));
  await writeIstioFiles(root, { version: '1.31.0' });
  const trace = join(folder.path, 'trace');
  const calls = 'trace=fsync,fdatasync,rename,renameat,renameat2';
  const program = [process.execPath, PROGRAM, root, server.url, '1.31.1'];
  await promisify(execFile)('strace', ['-f', '-y', '-s', '4096', '-e', calls, '-o', trace, ...program]);
  events = parse(await readFile(trace, 'utf8'));
});

after(() => folder[Symbol.asyncDispose]());

function parse(trace: string): Event[] {
  const unfinished = new Map<string, Event>();
  const failed = new Set<Event>();
  const found: Event[] = [];
  for (const line of trace.split('\n')) {
    const [, pid = '', text = ''] = /^(\d+) +(.*)$/.exec(line) ?? [];
    const event = text.startsWith('<... ') ? unfinished.get(pid) : begun(text);
    if (event === undefined) continue;
    if (text.endsWith('<unfinished ...>')) unfinished.set(pid, event);
    if (/ = -1 \w+/.test(text)) failed.add(event);
    if (event.call === 'rename' ? !text.startsWith('<... ') : !text.endsWith('<unfinished ...>')) found.push(event);
  }
  return found.filter((event) => !failed.has(event));
}

function begun(text: string): Event | undefined {
  const path = /^f(?:data)?sync\(\d+<([^>]*)>/.exec(text)?.[1];
  if (path !== undefined) return { call: 'fsync', path };
  const [, from, to] = /^rename\w*\((?:AT_FDCWD\S*, )?"(.*)", (?:AT_FDCWD\S*, )?"(.*?)"/.exec(text) ?? [];
  return from === undefined || to === undefined ? undefined : { call: 'rename', from, to };
}

const synced = (path: string, from: number, to: number) =>
  events.slice(from, to).some((event) => event.call === 'fsync' && event.path === path);

/** The renames of an upgrade with their place in the order. */
function renames(): (Rename & { index: number })[] {
  return events.flatMap((event, index) =>
    event.call === 'rename' && event.to.startsWith(root) ? [{ ...event, index }] : [],
  );
}

describe('everything that an upgrade writes', () => {
  it('is on disk before it gets its name', () => {
    const files = renames().filter(
      ({ from }) => !basename(from).startsWith('.active') && !basename(from).startsWith('.staged'),
    );
    assert.ok(files.length > 12, `only ${files.length} renames were seen`);
    for (const { index, from, to } of files) {
      if (basename(to).startsWith('.trash-')) continue;
      assert.ok(synced(from, 0, index), `${from} was not on disk when it became ${to}`);
    }
  });

  it('has its name on disk before anything else is renamed', () => {
    for (const [at, { index, to }] of renames().entries()) {
      const next = renames()[at + 1]?.index ?? events.length;
      assert.ok(synced(dirname(to), index, next), `the name ${to} was not on disk in time`);
    }
  });
});

describe('a release', () => {
  it('has every file on disk before the marker, the marker before the name, and the name before a link points to it', () => {
    const { releases, active, staged } = pathsUnder(root);
    const named = renames().filter(({ from, to }) => dirname(to) === releases && basename(from).startsWith('.new-'));
    assert.equal(named.length, 2);
    for (const [at, link] of [active, staged].entries()) {
      const { index, from, to } = named[at] as Rename & { index: number };
      const marker = renames().find((rename) => rename.to === join(from, RELEASE_FILES.manifest));
      assert.ok(marker !== undefined && marker.index < index);
      for (const name of [
        RELEASE_FILES.envoy,
        RELEASE_FILES.pilotAgent,
        RELEASE_FILES.startScript,
        RELEASE_FILES.bootstrapTemplate,
      ]) {
        assert.ok(synced(join(from, name), 0, marker.index), `${name} was not on disk before the marker`);
      }
      for (const name of [RELEASE_FILES.mesh, RELEASE_FILES.clusterEnv, RELEASE_FILES.hosts]) {
        const written = renames().find((rename) => rename.to === join(from, name));
        assert.ok(written !== undefined && written.index < marker.index, `${name} came after the marker`);
      }
      assert.ok(synced(join(from, 'bin'), 0, index), 'the names in bin were not on disk');
      const linked = renames().find((rename) => rename.to === link);
      assert.ok(linked !== undefined && linked.index > index, `${link} was made before ${to}`);
      assert.ok(synced(releases, index, linked.index), `the name ${to} was not on disk when ${link} was made`);
    }
  });
});
