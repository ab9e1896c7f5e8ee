/**
 * A publisher that is killed at every step of every command: clients can still use the repository, and the same command
 * completes it. The tests copy what is on disk at each step, which is what a SIGKILL would leave. One command is really
 * killed.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { cp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { addTargets } from '../../publisher/operations/add.ts';
import { createRepository } from '../../publisher/operations/create.ts';
import { refreshRepository } from '../../publisher/operations/refresh.ts';
import { rotateKeys } from '../../publisher/operations/rotate.ts';
import { publishDraft, signDraft } from '../../publisher/operations/sign-draft.ts';
import { verifyRepository } from '../../publisher/operations/verify.ts';
import { withdrawTargets } from '../../publisher/operations/withdraw.ts';
import type { Publisher } from '../../publisher/publisher.ts';
import { projectRoot } from '../../scripts/project.ts';
import { Fixture, inDays } from './fixture.ts';

interface Case {
  name: string;
  prepare?: (fixture: Fixture) => Promise<unknown>;
  command: (publisher: Publisher, fixture: Fixture) => Promise<unknown>;
  /** The steps at which the command is killed. */
  steps: readonly string[];
  /** After this step clients may refuse the repository, until both root and timestamp are there; see cut-off.ts. */
  mayBeRefusedAt?: string;
  /** The paths of the targets at the end. */
  targets: readonly string[];
}

const HELLO = 'other/hello.txt';
const addHello = async (fixture: Fixture) => addTargets(fixture.publisher(), [await fixture.file('hello')]);
const CHAIN = ['targets-written', 'snapshot-written', 'timestamp-written'];

const CASES: readonly Case[] = [
  {
    name: 'add',
    command: async (publisher, fixture) =>
      addTargets(publisher, [await fixture.file('hello'), await fixture.file('world')]),
    steps: ['target-placed', 'target-placed', ...CHAIN],
    targets: [HELLO, 'other/world.txt'],
  },
  {
    name: 'withdraw',
    prepare: addHello,
    command: (publisher) => withdrawTargets(publisher, [HELLO]),
    steps: CHAIN,
    targets: [],
  },
  {
    name: 'refresh, which removes old files',
    prepare: async (fixture) => {
      await addHello(fixture);
      await withdrawTargets(fixture.publisher(), [HELLO]);
    },
    command: (publisher) => refreshRepository({ ...publisher, now: inDays(40) }),
    // Two snapshots, two lists of targets, the withdrawn file.
    steps: ['snapshot-written', 'timestamp-written', ...Array<string>(5).fill('old-file-removed')],
    targets: [],
  },
  {
    name: 'rotate --role root',
    prepare: addHello,
    command: (publisher) => rotateKeys(publisher, { roles: ['root'] }),
    steps: ['key-made', 'root-written', 'draft-removed'],
    targets: [HELLO],
  },
  {
    name: 'rotate --role targets',
    prepare: addHello,
    command: (publisher) => rotateKeys(publisher, { roles: ['targets'] }),
    steps: ['key-made', ...CHAIN, 'root-written', 'draft-removed'],
    targets: [HELLO],
  },
  {
    name: 'rotate --role snapshot',
    prepare: addHello,
    command: (publisher) => rotateKeys(publisher, { roles: ['snapshot'] }),
    steps: ['key-made', 'snapshot-written', 'timestamp-written', 'root-written', 'draft-removed'],
    targets: [HELLO],
  },
  {
    name: 'rotate --role timestamp',
    prepare: addHello,
    command: (publisher) => rotateKeys(publisher, { roles: ['timestamp'] }),
    steps: ['key-made', 'timestamp-written', 'root-written', 'draft-removed'],
    targets: [HELLO],
  },
  {
    name: 'rotate of a lost key',
    prepare: async (fixture) => {
      await addHello(fixture);
      await rm(join(fixture.keys, 'targets-1.pem'));
    },
    command: (publisher) => rotateKeys(publisher, { roles: ['targets'] }),
    steps: [
      'key-made',
      'targets-written',
      'snapshot-written',
      'timestamp-prepared',
      'root-written',
      'timestamp-written',
      'draft-removed',
    ],
    mayBeRefusedAt: 'root-written',
    targets: [HELLO],
  },
  {
    name: 'rotate to a draft',
    prepare: async (fixture) => {
      await addHello(fixture);
      await rm(join(fixture.keys, 'root'), { recursive: true });
    },
    command: (publisher) => rotateKeys(publisher, { roles: ['timestamp'] }).catch(ignoreWaitingDraft),
    steps: ['key-made', 'timestamp-written', 'draft-written'],
    targets: [HELLO],
  },
];

describe('a publisher that is killed', { concurrency: 4 }, () => {
  for (const { name, prepare, command, steps, mayBeRefusedAt, targets } of CASES) {
    it(`in ${name}, leaves a repository that clients can use, and completes when run again`, async () => {
      await using fixture = await Fixture.withRepository();
      await prepare?.(fixture);
      const killed = await fixture.killedAtEachStep((publisher) => command(publisher, fixture));
      assert.deepEqual(
        killed.map(({ step }) => step.split(' ')[1]),
        steps,
      );
      for (const { step, publisher } of killed) {
        const left = await verifyRepository(publisher.folder, { now: inDays(0) });
        if (!step.endsWith(mayBeRefusedAt ?? 'never')) assert.deepEqual(left.problems, [], `after ${step}`);
        await command(publisher, fixture);
        const completed = await verifyRepository(publisher.folder);
        assert.deepEqual(completed.problems, [], `completed after ${step}`);
        assert.deepEqual(completed.targets.map(({ path }) => path).sort(), targets, `completed after ${step}`);
      }
    });
  }

  it('in init, completes when run again, with the keys of the first run', async () => {
    await using fixture = await Fixture.make();
    const init = (publisher: Publisher) => createRepository(publisher, { keys: { root: { keys: 2, threshold: 2 } } });
    const killed = await fixture.killedAtEachStep(init);
    const keys = Array<string>(5).fill('key-made');
    assert.deepEqual(
      killed.map(({ step }) => step.split(' ')[1]),
      ['settings-written', ...keys, ...CHAIN, 'root-written'],
    );
    for (const { step, publisher } of killed.slice(0, -1)) {
      await init(publisher);
      assert.deepEqual((await verifyRepository(publisher.folder)).problems, [], `completed after ${step}`);
      assert.deepEqual(await readdir(join(publisher.keys[0] ?? '', 'root')), ['root-1.pem', 'root-2.pem']);
    }
  });

  it('in publish-root, leaves a repository that clients can use, and completes when run again', async () => {
    await using fixture = await Fixture.withRepository({});
    const rotated = await rotateKeys(fixture.publisher({ keys: [fixture.keys] }), { roles: ['root'], add: 0 });
    assert.equal(rotated.answer, 'published', 'all keys of root are there');
    const roots = fixture.at('roots');
    await moveRootKeys(fixture, roots);
    const { file } = (await rotateKeys(fixture.publisher(), { roles: ['snapshot'] })) as { file: string };
    await signDraft(file, { keys: [roots] });
    const draft = fixture.at('draft.json');
    await cp(file, draft);
    const killed = await fixture.killedAtEachStep((publisher) => publishDraft(publisher, [draft]));
    assert.deepEqual(
      killed.map(({ step }) => step.split(' ')[1]),
      ['root-written', 'draft-removed'],
    );
    for (const { step, publisher } of killed) {
      assert.deepEqual((await verifyRepository(publisher.folder)).problems, [], `after ${step}`);
      assert.equal(await publishDraft(publisher, [draft]), 3);
      assert.equal(existsSync(join(publisher.folder, 'drafts/3.root.json')), false);
    }
  });

  it('in rotate, uses the key that the killed run has made when run again', async () => {
    await using fixture = await Fixture.withRepository();
    const killed = await fixture.killedAtEachStep((publisher) => rotateKeys(publisher, { roles: ['timestamp'] }));
    const publisher = killed[0]?.publisher as Publisher;
    await rotateKeys(publisher, { roles: ['timestamp'] });
    const names = (await readdir(publisher.keys[0] ?? '')).filter((name) => name.startsWith('timestamp'));
    assert.deepEqual(names, ['timestamp-1.pem', 'timestamp-2.pem']);
  });

  it('in add, never uses the number of an unpublished list of targets again', async () => {
    await using fixture = await Fixture.withRepository();
    const killed = await fixture.killedAtEachStep(async (publisher) =>
      addTargets(publisher, [await fixture.file('hello')]),
    );
    const publisher = killed.find(({ step }) => step.endsWith('targets-written'))?.publisher as Publisher;
    const [seen, unseen] = [2, 3].map((version) => join(publisher.folder, `metadata/${version}.targets.json`));
    const before = await readFile(seen ?? '');
    await addTargets(publisher, [await fixture.file('world')]);
    assert.deepEqual(await readFile(seen ?? ''), before);
    assert.equal(existsSync(unseen ?? ''), true);
  });

  it('in add, by a real SIGKILL before each rename, does the same', async () => {
    await using fixture = await Fixture.withRepository();
    const { file, path } = await fixture.file('hello');
    // The renames: the file, targets, snapshot, timestamp, and the list of files that are not named any more.
    const signals = await Promise.all(
      [1, 2, 3, 4, 5, 6].map(async (write) => {
        const folder = fixture.at(`killed-${write}`);
        await cp(fixture.folder, folder, { recursive: true });
        const signal = await add(folder, fixture.keys, file, path, write);
        assert.deepEqual((await verifyRepository(folder)).problems, [], `killed at write ${write}`);
        await addTargets({ folder, keys: [fixture.keys] }, [{ file, path }]);
        const { targets } = await verifyRepository(folder);
        assert.deepEqual(
          targets.map(({ path: name }) => name),
          [path],
        );
        assert.deepEqual(await temporaryFilesIn(folder), []);
        return signal;
      }),
    );
    assert.deepEqual(signals, [...Array<string>(5).fill('SIGKILL'), null]);
  });
});

function ignoreWaitingDraft(error: Error): void {
  if (!/a draft of it waits/.test(error.message)) throw error;
}

async function moveRootKeys(fixture: Fixture, to: string): Promise<void> {
  await rename(join(fixture.keys, 'root'), to);
}

/** Runs `repository add`, killed before its n-th rename; resolves with the signal that ended it. */
async function add(folder: string, keys: string, file: string, path: string, write: number): Promise<string | null> {
  const script = join(projectRoot, 'scripts/commands/repository.ts');
  const child = spawn(process.execPath, [script, 'add', folder, '--keys', keys, file, '--as', path], {
    env: { PATH: process.env.PATH, SMM_TEST_KILL_AT: `file-temporary-written:${write}` },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [, signal] = (await once(child, 'exit')) as [number | null, string | null];
  return signal;
}

async function temporaryFilesIn(folder: string): Promise<string[]> {
  return (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.smm-new'));
}
