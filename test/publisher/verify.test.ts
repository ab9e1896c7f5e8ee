/** `verify` finds every problem that keeps a client from a file, in one run. */
import assert from 'node:assert/strict';
import { appendFile, cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { addTargets } from '../../publisher/operations/add.ts';
import { rotateKeys } from '../../publisher/operations/rotate.ts';
import { verifyRepository } from '../../publisher/operations/verify.ts';
import { Fixture, inDays } from './fixture.ts';

async function withTwoFiles(): Promise<Fixture> {
  const fixture = await Fixture.withRepository();
  await addTargets(fixture.publisher(), [await fixture.file('hello'), await fixture.file('world')]);
  await rotateKeys(fixture.publisher(), { roles: ['timestamp'] });
  return fixture;
}

interface Damage {
  name: string;
  do: (folder: string) => Promise<unknown>;
  problems: readonly RegExp[];
}

async function edit(file: string, from: string | RegExp, to: string): Promise<void> {
  const text = await readFile(file, 'utf8');
  assert.notEqual(text.replace(from, to), text);
  await writeFile(file, text.replace(from, to));
}

async function targetFiles(folder: string): Promise<string[]> {
  const names = await readdir(join(folder, 'targets/other'));
  return names
    .sort((a, b) => a.slice(64).localeCompare(b.slice(64)))
    .map((name) => join(folder, 'targets/other', name));
}

const DAMAGES: readonly Damage[] = [
  {
    name: 'one missing and one changed file',
    do: async (folder) => {
      const [hello = '', world = ''] = await targetFiles(folder);
      await rm(hello);
      await writeFile(world, 'WORLD\n');
    },
    problems: [/^other\/hello.txt is missing/, /^other\/world.txt has another SHA-256/],
  },
  {
    name: 'a file that is one byte too long',
    do: async (folder) => appendFile((await targetFiles(folder))[0] ?? '', '.'),
    problems: [/^other\/hello.txt has 7 bytes instead of 6/],
  },
  {
    name: 'a timestamp whose signatures are wrong',
    do: (folder) => edit(join(folder, 'metadata/timestamp.json'), /"sig": "[0-9a-f]{16}/g, '"sig": "0000000000000000'),
    problems: [/^timestamp 3 has 0 valid signatures of the 1 that it needs/],
  },
  {
    name: 'a list of targets that was edited',
    do: (folder) => edit(join(folder, 'metadata/2.targets.json'), 'hello.txt', 'other.txt'),
    problems: [
      /2.targets.json is not the file that is named: Expected hash/,
      /^targets 2 has 0 valid signatures/,
      /^other\/other.txt is missing/,
    ],
  },
  {
    name: 'a missing snapshot',
    do: (folder) => rm(join(folder, 'metadata/2.snapshot.json')),
    problems: [/2.snapshot.json: it is not there/],
  },
  {
    name: 'a missing timestamp',
    do: (folder) => rm(join(folder, 'metadata/timestamp.json')),
    problems: [/timestamp.json: it is not there/],
  },
  {
    name: 'a missing first root',
    do: (folder) => rm(join(folder, 'metadata/1.root.json')),
    problems: [/^1.root.json is missing/, /1.root.json: it is not there/],
  },
  {
    name: 'a second root that the keys of the first have not signed',
    do: (folder) => edit(join(folder, 'metadata/2.root.json'), /"expires": "2/, '"expires": "3'),
    problems: [/^root 1 does not accept root 2: root 2 has 0 valid/, /^root 2 has 0 valid/],
  },
  {
    name: 'a timestamp that is not JSON',
    do: (folder) => writeFile(join(folder, 'metadata/timestamp.json'), '<html>'),
    problems: [/timestamp.json: it is not timestamp metadata/],
  },
];

describe('verify', () => {
  it('finds no problem in a published repository, and needs no key', async () => {
    await using fixture = await withTwoFiles();
    await rm(fixture.keys, { recursive: true });
    const { problems, warnings, roles, targets } = await verifyRepository(fixture.folder);
    assert.deepEqual([problems, warnings], [[], []]);
    assert.deepEqual(
      roles.map(({ role, version }) => `${role} ${version}`),
      ['root 2', 'timestamp 3', 'snapshot 2', 'targets 2'],
    );
    assert.deepEqual(targets, [
      { path: 'other/hello.txt', bytes: 6 },
      { path: 'other/world.txt', bytes: 6 },
    ]);
  });

  for (const { name, do: damage, problems } of DAMAGES) {
    it(`finds ${name}`, async () => {
      await using fixture = await withTwoFiles();
      await damage(fixture.folder);
      const found = (await verifyRepository(fixture.folder)).problems;
      for (const [index, problem] of problems.entries()) assert.match(found[index] ?? '', problem);
      assert.equal(found.length, problems.length, found.join('\n'));
    });
  }

  it('warns before metadata expires, with the time, and reports all expired metadata', async () => {
    await using fixture = await withTwoFiles();
    const soon = await verifyRepository(fixture.folder, { now: inDays(6) });
    assert.deepEqual([soon.problems, soon.warnings.length], [[], 1]);
    assert.match(soon.warnings[0] ?? '', /^timestamp 3 expires soon: it is valid until 20\d\d-\d\d-\d\dT/);
    const late = await verifyRepository(fixture.folder, { now: inDays(400) });
    assert.deepEqual(
      late.problems.map((problem) => problem.replace(/: .*/, '')),
      ['root 2 has expired', 'timestamp 3 has expired', 'snapshot 2 has expired', 'targets 2 has expired'],
    );
  });

  it('verifies from a shipped root, and reports a root of another repository', async () => {
    await using fixture = await withTwoFiles();
    await using other = await Fixture.withRepository();
    const shipped = fixture.at('shipped.json');
    await cp(join(fixture.folder, 'metadata/2.root.json'), shipped);
    assert.deepEqual((await verifyRepository(fixture.folder, { root: shipped })).problems, []);
    const foreign = join(other.folder, 'metadata/1.root.json');
    const { problems } = await verifyRepository(fixture.folder, { root: foreign });
    assert.equal(problems[0], 'the given root is not root 1 of this repository');
    assert.match(problems[1] ?? '', /^root 1 does not accept root 2/);
  });
});
