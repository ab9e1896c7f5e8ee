/** The archives of the agent for the signed repository, and that they have the same files as the deb. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { zstdDecompressSync } from 'node:zlib';
import { buildAgentArchive, buildRuntimeArchive } from '../../packaging/artifacts.ts';
import { NODE_FLAGS } from '../../packaging/node-flags.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { FolderMachine, must } from './machine.ts';

const AGENT = { version: '1.2.3', runtimeVersion: '24.0.0', code: 'the code\n', copyright: 'copyright\n' };
const PLAIN = { level: 1, sourceDateEpoch: 1_700_000_000 } as const;

function makeRuntime(folder: string): string {
  mkdirSync(join(folder, 'bin'), { recursive: true });
  writeFileSync(join(folder, 'bin/node'), '#!/bin/sh\necho "$@"\n');
  chmodSync(join(folder, 'bin/node'), 0o755);
  writeFileSync(join(folder, 'LICENSE'), 'licence\n');
  return folder;
}

/** Unpacks the archive into a folder beside it. */
function unpack(archive: string): string {
  const into = `${archive}.d`;
  mkdirSync(into, { recursive: true });
  must('tar', ['-xpf', plain(archive), '-C', into]);
  return into;
}

/** The listing of the archive by tar, with one space between the columns. */
function listing(archive: string): string[] {
  const lines = must('tar', ['--utc', '--numeric-owner', '--full-time', '-tvf', plain(archive)]);
  return lines.trim().replaceAll(/ +/g, ' ').split('\n');
}

function plain(archive: string): string {
  writeFileSync(`${archive}.tar`, zstdDecompressSync(readFileSync(archive)));
  return `${archive}.tar`;
}

describe('the archive of a version', () => {
  it('has the files of the version, with its flags for Node, and no link', async () => {
    await using folder = await temporaryFolder();
    const archive = await buildAgentArchive(AGENT, { ...PLAIN, output: folder.path });
    assert.equal(archive, join(folder.path, 'smm-agent-1.2.3.tar.zst'));
    assert.deepEqual(readdirSync(folder.path), ['smm-agent-1.2.3.tar.zst']);
    const lines = listing(archive).map((line) => line.replace(/ \d+ 2023-11-14 22:13:20/, ''));
    const names = ['copyright', 'flags', 'release.json', 'smm-agent.js'];
    assert.deepEqual(
      lines,
      names.map((name) => `-rw-r--r-- 0/0 ${name}`),
    );
    assert.equal(readFileSync(join(unpack(archive), 'flags'), 'utf8'), `${NODE_FLAGS.join(' ')}\n`);
  });

  it('lists each of its files in release.json', async () => {
    await using folder = await temporaryFolder();
    const into = unpack(await buildAgentArchive(AGENT, { ...PLAIN, output: folder.path }));
    const manifest = JSON.parse(readFileSync(join(into, 'release.json'), 'utf8'));
    assert.deepEqual(
      { ...manifest, files: Object.keys(manifest.files) },
      {
        format: 1,
        version: '1.2.3',
        runtime: '24.0.0',
        files: ['copyright', 'flags', 'smm-agent.js'],
      },
    );
    const sha256 = createHash('sha256').update('the code\n').digest('hex');
    assert.deepEqual(manifest.files['smm-agent.js'], { sha256, size: 9, mode: 0o644, uid: 0, gid: 0 });
  });

  it('has the same bytes in each build, in any folder and with any umask', async () => {
    await using folder = await temporaryFolder();
    const [one, other] = [join(folder.path, 'one'), join(folder.path, 'other')];
    const first = readFileSync(await buildAgentArchive(AGENT, { ...PLAIN, output: one }));
    const umask = process.umask(0o077);
    try {
      assert.deepEqual(readFileSync(await buildAgentArchive(AGENT, { ...PLAIN, output: other })), first);
    } finally {
      process.umask(umask);
    }
    const changed = await buildAgentArchive({ ...AGENT, code: 'other code\n' }, { ...PLAIN, output: other });
    assert.notDeepEqual(readFileSync(changed), first);
  });
});

describe('the archive of a runtime', () => {
  it('has node and its licence, and the same bytes in each release', async () => {
    await using folder = await temporaryFolder();
    const contents = { runtimeVersion: '24.0.0', runtime: makeRuntime(join(folder.path, 'node')) };
    const archive = await buildRuntimeArchive(contents, 'arm64', { ...PLAIN, output: join(folder.path, 'one') });
    assert.equal(archive, join(folder.path, 'one/node-24.0.0-arm64.tar.zst'));
    assert.deepEqual(
      listing(archive).map((line) => line.replace(/ \d+ 1970-01-01 00:00:00/, '')),
      ['-rw-r--r-- 0/0 LICENSE', 'drwxr-xr-x 0/0 bin/', '-rwxr-xr-x 0/0 bin/node', '-rw-r--r-- 0/0 release.json'],
    );
    utimesSync(join(folder.path, 'node/bin/node'), 1, 1);
    const later = { ...PLAIN, sourceDateEpoch: 1_800_000_000, output: join(folder.path, 'other') };
    const again = await buildRuntimeArchive(contents, 'arm64', later);
    assert.deepEqual(readFileSync(again), readFileSync(archive));
  });
});

describe('an installation from the deb and one from the repository', () => {
  it('have the same files, except for the link to the runtime, which the agent makes', async () => {
    using machine = new FolderMachine();
    machine.unpack(await machine.build('1.2.3', 'the code\n'));
    const payload = join(machine.root, 'usr/lib/smm-agent/payload');
    const output = join(machine.work, 'archives');
    const runtime = { runtimeVersion: '24.0.0', runtime: join(machine.work, 'runtime-1.2.3') };
    const version = unpack(await buildAgentArchive(AGENT, { ...PLAIN, output }));
    const node = unpack(await buildRuntimeArchive(runtime, 'amd64', { ...PLAIN, output }));
    must('diff', ['-r', '--exclude=node', version, join(payload, 'versions/1.2.3')]);
    must('diff', ['-r', node, join(payload, 'runtimes/24.0.0')]);
    assert.deepEqual(readdirSync(join(payload, 'versions/1.2.3')).sort(), [...readdirSync(version), 'node'].sort());
  });
});
