/** The life of a repository, read back by a client that has nothing but the first root. */
import assert from 'node:assert/strict';
import { cp, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { addTargets } from '../../publisher/operations/add.ts';
import { refreshRepository } from '../../publisher/operations/refresh.ts';
import { rotateKeys } from '../../publisher/operations/rotate.ts';
import { publishDraft, signDraft } from '../../publisher/operations/sign-draft.ts';
import { verifyRepository } from '../../publisher/operations/verify.ts';
import { withdrawTargets } from '../../publisher/operations/withdraw.ts';
import { ROLES } from '../../publisher/signing/roles.ts';
import { agentTarget, runtimeTarget } from '../../src/downloads/targets.ts';
import { Client, PublishedFiles } from './client.ts';
import { Fixture, inDays } from './fixture.ts';

const [HELLO, WORLD] = ['other/hello.txt', 'other/world.txt'];

async function requireWhole(folder: string, now = inDays(0)): Promise<void> {
  assert.deepEqual((await verifyRepository(folder, { now })).problems, []);
}

describe('a repository', () => {
  let fixture: Fixture;
  let server: PublishedFiles;
  /** It lives through all that follows, and keeps what it has seen. */
  let client: Client;

  before(async () => {
    fixture = await Fixture.withRepository();
    server = await new PublishedFiles(fixture.folder).start();
    client = await Client.make(fixture.at('client'), server.url, join(fixture.folder, 'metadata/1.root.json'));
  });
  after(async () => {
    await server?.[Symbol.asyncDispose]();
    await fixture?.[Symbol.asyncDispose]();
  });

  it('begins empty, and is whole', async () => {
    assert.equal(await client.get(HELLO), null);
    await requireWhole(fixture.folder);
  });

  it('has what was added, under the digest of its bytes', async () => {
    await addTargets(fixture.publisher(), [await fixture.file('hello'), await fixture.file('world')]);
    assert.equal(await client.get(HELLO), 'hello\n');
    assert.equal(await client.get(WORLD), 'world\n');
    const [name = ''] = await readdir(join(fixture.folder, 'targets/other'));
    assert.match(name, /^[0-9a-f]{64}\.(hello|world)\.txt$/);
  });

  it('changes nothing when the same is added again', async () => {
    const names = await readdir(join(fixture.folder, 'metadata'));
    const { added, unchanged } = await addTargets(fixture.publisher(), [await fixture.file('hello')]);
    assert.deepEqual([added, unchanged], [[], [HELLO]]);
    assert.deepEqual(await readdir(join(fixture.folder, 'metadata')), names);
  });

  it('takes the agent, its runtimes and nothing else by their names', async () => {
    const agent = await fixture.agentArchive('1.0.0');
    const runtimes = [await fixture.runtimeArchive('amd64'), await fixture.runtimeArchive('arm64')];
    const { added } = await addTargets(
      fixture.publisher(),
      [agent, ...runtimes].map((file) => ({ file })),
    );
    assert.deepEqual(
      added.map(({ path }) => path),
      [agentTarget('1.0.0'), runtimeTarget('24.0.0', 'amd64'), runtimeTarget('24.0.0', 'arm64')],
    );
    assert.notEqual(await client.get(agentTarget('1.0.0')), null);
  });

  it('no longer has what was withdrawn', async () => {
    assert.deepEqual(await withdrawTargets(fixture.publisher(), [WORLD]), [WORLD]);
    assert.equal(await client.get(WORLD), null);
    assert.equal(await client.get(HELLO), 'hello\n');
  });

  it('expires by its timestamp first, and is right again after a refresh', async () => {
    const { problems } = await verifyRepository(fixture.folder, { now: inDays(8) });
    assert.deepEqual(problems.length, 1);
    assert.match(problems[0] ?? '', /^timestamp \d+ has expired/);
    await refreshRepository(fixture.publisher({ now: inDays(8) }));
    await requireWhole(fixture.folder, inDays(8));
    assert.equal(await client.get(HELLO), 'hello\n');
  });

  for (const role of ROLES) {
    it(`gets new keys for ${role} under its clients`, async () => {
      const { answer, ...rotated } = await rotateKeys(fixture.publisher(), { roles: [role] });
      assert.equal(answer, 'published');
      assert.equal('made' in rotated && rotated.made.length, 1);
      await requireWhole(fixture.folder);
      assert.equal(await client.get(HELLO), 'hello\n');
      await addTargets(fixture.publisher(), [await fixture.file(`after-${role}`)]);
      assert.equal(await client.get(`other/after-${role}.txt`), `after-${role}\n`);
    });
  }

  it('is read from its first root by a client that was never there', async () => {
    const first = join(fixture.folder, 'metadata/1.root.json');
    const fresh = await Client.make(fixture.at('fresh'), server.url, first);
    assert.equal(await fresh.get(HELLO), 'hello\n');
    assert.deepEqual((await verifyRepository(fixture.folder, { root: first })).problems, []);
  });

  it('goes on without keys that were taken out of use', async () => {
    await rm(join(fixture.keys, 'root/root-1.pem'));
    for (const role of ['targets', 'snapshot', 'timestamp']) await rm(join(fixture.keys, `${role}-1.pem`));
    await addTargets(fixture.publisher(), [await fixture.file('later')]);
    assert.equal(await client.get('other/later.txt'), 'later\n');
  });

  for (const role of ['targets', 'snapshot', 'timestamp'] as const) {
    it(`goes on when the key of ${role} is lost`, async () => {
      await rm(join(fixture.keys, `${role}-2.pem`));
      assert.equal((await rotateKeys(fixture.publisher(), { roles: [role] })).answer, 'published');
      await requireWhole(fixture.folder);
      assert.equal(await client.get('other/later.txt'), 'later\n');
    });
  }
});

describe('a stolen machine', () => {
  it('is answered by one root that replaces all of its keys', async () => {
    await using fixture = await Fixture.withRepository();
    await addTargets(fixture.publisher(), [await fixture.file('hello')]);
    const rotated = await rotateKeys(fixture.publisher(), { roles: ['targets', 'snapshot', 'timestamp'] });
    assert.equal(rotated.answer === 'published' && rotated.made.length, 3);
    await requireWhole(fixture.folder);
    for (const role of ['targets', 'snapshot', 'timestamp']) await rm(join(fixture.keys, `${role}-1.pem`));
    await addTargets(fixture.publisher(), [await fixture.file('world')]);
    await requireWhole(fixture.folder);
    assert.equal((await verifyRepository(fixture.folder)).roles[0]?.version, 2);
  });
});

describe('a root that two of three people sign', () => {
  /** The root keys, each in a folder of its owner, and none of them where the repository is. */
  async function apart(fixture: Fixture): Promise<string[]> {
    const owners = ['ann', 'bob', 'cem'].map((name) => fixture.at(name));
    for (const [index, owner] of owners.entries()) {
      await mkdir(owner);
      await rename(join(fixture.keys, `root/root-${index + 1}.pem`), join(owner, `root-${index + 1}.pem`));
    }
    return owners;
  }

  it('waits as a draft, and is published when two have signed it', async () => {
    await using fixture = await Fixture.withRepository({});
    const [ann = '', bob = ''] = await apart(fixture);
    const rotated = await rotateKeys(fixture.publisher(), { roles: ['timestamp'] });
    assert.equal(rotated.answer, 'draft');
    const file = rotated.answer === 'draft' ? rotated.file : '';
    await requireWhole(fixture.folder);

    const first = await signDraft(file, { keys: [ann] });
    assert.deepEqual(first.changes.map((line) => line.replaceAll(/[0-9a-f]{12}/g, '<id>')).slice(0, 2), [
      'timestamp: key <id> is removed',
      'timestamp: key <id> is added',
    ]);
    assert.deepEqual(
      first.lacking.map(({ tally }) => tally.signed.length),
      [1, 1],
    );
    await assert.rejects(publishDraft(fixture.publisher(), [file]), /asks for 2 signatures and has 1/);
    // What is refreshed while the draft waits is signed by the key to come too.
    await refreshRepository(fixture.publisher());
    assert.deepEqual((await signDraft(file, { keys: [bob] })).lacking, []);
    await rm(join(fixture.keys, 'timestamp-1.pem'));
    await rm(join(fixture.keys, 'timestamp-2.pem'));
    // Nothing else is to be signed any more: publishing needs no key of the role.
    assert.equal(await publishDraft(fixture.publisher(), [file]), 2);
    await requireWhole(fixture.folder);
  });

  it('may be signed in copies that are merged', async () => {
    await using fixture = await Fixture.withRepository({});
    const [ann = '', bob = ''] = await apart(fixture);
    const rotated = await rotateKeys(fixture.publisher(), { roles: ['root'], add: 0 });
    const file = rotated.answer === 'draft' ? rotated.file : '';
    const copy = fixture.at('copy.json');
    await cp(file, copy);
    await signDraft(file, { keys: [ann] });
    await signDraft(copy, { keys: [bob] });
    assert.equal(await publishDraft(fixture.publisher(), [file, copy]), 2);
    assert.equal(await publishDraft(fixture.publisher(), [copy]), 2, 'a second time it is published already');
    await requireWhole(fixture.folder);
  });

  it('replaces a lost key of one of them with the signatures of the others', async () => {
    await using fixture = await Fixture.withRepository({});
    const [ann = '', bob = '', cem = ''] = await apart(fixture);
    const { signed } = await signDraftOf(fixture, cem);
    await rm(cem, { recursive: true });
    const keys = [fixture.keys, ann, bob];
    const rotated = await rotateKeys(fixture.publisher({ keys }), { roles: ['root'], remove: signed });
    assert.equal(rotated.answer, 'published');
    const { roles } = await verifyRepository(fixture.folder);
    assert.deepEqual(
      roles.find(({ role }) => role === 'root'),
      { ...roles[0], version: 2, signed: 3, threshold: 2, keys: 3 },
    );
    const again = await rotateKeys(fixture.publisher({ keys }), { roles: ['root'], remove: signed });
    assert.equal(again.answer, 'completed', 'what is removed is not removed again');
  });

  /** Ids of the keys in a folder, learnt by letting them sign a draft that is thrown away. */
  async function signDraftOf(fixture: Fixture, keys: string) {
    const rotated = await rotateKeys(fixture.publisher(), { roles: ['root'], add: 0 });
    const file = rotated.answer === 'draft' ? rotated.file : '';
    const signed = await signDraft(file, { keys: [keys] });
    await rm(file);
    return signed;
  }
});

describe('files that nothing names any more', () => {
  it('stay for the clients that are about to fetch them, and go when their time is over', async () => {
    await using fixture = await Fixture.withRepository();
    await addTargets(fixture.publisher(), [await fixture.file('hello')]);
    const files = () => readdir(join(fixture.folder, 'targets/other'));
    await withdrawTargets(fixture.publisher(), [HELLO]);
    assert.equal((await files()).length, 1);
    await refreshRepository(fixture.publisher({ now: inDays(29) }));
    assert.equal((await files()).length, 1);
    await refreshRepository(fixture.publisher({ now: inDays(31) }));
    assert.deepEqual(await files(), []);
    const metadata = await readdir(join(fixture.folder, 'metadata'));
    assert.equal(metadata.includes('1.root.json'), true, 'every root stays');
    assert.equal(metadata.includes('1.targets.json'), false);
    await requireWhole(fixture.folder, inDays(31));
  });

  it('never go while a timestamp that named them is valid', async () => {
    await using fixture = await Fixture.withRepository();
    await addTargets(fixture.publisher(), [await fixture.file('hello')]);
    await withdrawTargets(fixture.publisher(), [HELLO], { keepDays: 0 });
    await refreshRepository(fixture.publisher({ now: inDays(6) }), { keepDays: 0 });
    assert.equal((await readdir(join(fixture.folder, 'targets/other'))).length, 1);
    await refreshRepository(fixture.publisher({ now: inDays(8) }), { keepDays: 0 });
    assert.deepEqual(await readdir(join(fixture.folder, 'targets/other')), []);
  });

  it('stay for good when they are named again', async () => {
    await using fixture = await Fixture.withRepository();
    const hello = await fixture.file('hello');
    await addTargets(fixture.publisher(), [hello]);
    await withdrawTargets(fixture.publisher(), [HELLO]);
    await addTargets(fixture.publisher({ now: inDays(20) }), [hello]);
    await refreshRepository(fixture.publisher({ now: inDays(60) }));
    await requireWhole(fixture.folder, inDays(60));
  });
});

describe('two publishers at once', () => {
  it('publish one after the other, and both', async () => {
    await using fixture = await Fixture.withRepository();
    const words = ['one', 'two', 'three'];
    const files = await Promise.all(words.map((word) => fixture.file(word)));
    await Promise.all(files.map((file) => addTargets(fixture.publisher(), [file])));
    const { targets, problems } = await verifyRepository(fixture.folder);
    assert.deepEqual(problems, []);
    assert.deepEqual(targets.map(({ path }) => path).sort(), words.map((word) => `other/${word}.txt`).sort());
  });
});
