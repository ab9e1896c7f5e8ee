/** What is kept between turns: it is believed nothing, and lost for nothing. */
import assert from 'node:assert/strict';
import { mkdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { newKey } from './publisher.ts';
import { file, status } from './repository-server.ts';
import { namesBelow, Scene, TARGET } from './scene.ts';

const NAMES = ['roots/2.root.json', 'snapshot.json', 'targets.json', 'timestamp.json'] as const;
const KNOWN = { 'roots/2.root.json': 2, 'snapshot.json': 2, 'targets.json': 2, 'timestamp.json': 2 };

/** A machine that knows root 2, and version 2 of everything else. */
async function knownScene(): Promise<Scene> {
  const scene = await Scene.begin();
  scene.publisher.publishRoot();
  await scene.client().target(TARGET);
  assert.deepEqual(await scene.versions(), KNOWN);
  scene.server.takeRequests();
  return scene;
}

describe('a turn in which nothing is new', () => {
  it('asks for the next root and the timestamp, and for nothing else', async () => {
    await using scene = await knownScene();
    await scene.client().target(TARGET);
    assert.deepEqual(scene.server.takeRequests(), ['metadata/3.root.json', 'metadata/timestamp.json']);
  });

  it('asks the server once for several questions', async () => {
    await using scene = await knownScene();
    const client = scene.client();
    const targets = await Promise.all([client.target(TARGET), client.target(TARGET), client.refresh()]);
    assert.deepEqual(targets[0], targets[1]);
    assert.equal(scene.server.takeRequests().length, 2);
  });

  it('is as far as a turn goes that has failed: the next one asks again', async () => {
    await using scene = await knownScene();
    const client = scene.client();
    scene.server.answers.set('metadata/timestamp.json', status(500));
    await assert.rejects(client.target(TARGET), { code: 'SMM411' });
    scene.server.answers.clear();
    await assert.rejects(client.target(TARGET), { code: 'SMM411' });
    await scene.client().target(TARGET);
  });

  it('leaves no folder of its work behind', async () => {
    await using scene = await knownScene();
    await scene.client().target(TARGET);
    assert.deepEqual(await namesBelow(scene.cacheFolder), [...NAMES]);
  });
});

describe('a file in the cache', () => {
  const damages: Record<string, (path: string, scene: Scene) => Promise<unknown>> = {
    'is empty': (path) => truncate(path, 0),
    'is torn': (path) => truncate(path, 150),
    'holds NUL after a power cut': (path) => writeFile(path, Buffer.alloc(700)),
    'is garbage': (path) => writeFile(path, 'not { json'),
    'is JSON of another kind': (path) => writeFile(path, '{"signed": [], "signatures": 7}'),
    'is gone': (path) => rm(path),
    'is a folder': async (path) => {
      await rm(path);
      await mkdir(join(path, 'inner'), { recursive: true });
    },
    'is larger than memory': (path) => truncate(path, 8e9),
  };
  for (const name of NAMES)
    damages[`was exchanged with ${name}`] = async (path, { cacheFolder }) =>
      writeFile(path, await readFile(join(cacheFolder, name)));
  for (const name of NAMES) {
    for (const [what, damage] of Object.entries(damages)) {
      if (what.endsWith(name)) continue;
      it(`${name} ${what}: it is fetched again`, async () => {
        await using scene = await knownScene();
        await damage(join(scene.cacheFolder, name), scene);
        await scene.client().target(TARGET);
        assert.deepEqual(await scene.versions(), KNOWN);
        assert.deepEqual(await namesBelow(scene.cacheFolder), [...NAMES]);
      });
    }
  }

  it('does not take the others with it: an older timestamp is refused with a torn snapshot beside it', async () => {
    await using scene = await knownScene();
    for (const name of ['snapshot.json', 'targets.json']) await scene.plant(name, 'torn');
    scene.publisher.roles.timestamp.version = 1;
    scene.publisher.sign('timestamp');
    await scene.assertRefused({ code: 'SMM450', message: /version 1 of timestamp\.json, but version 2 was seen/ });
  });

  it('is kept byte for byte as it came, also with bytes that are no text where nothing is signed', async () => {
    await using scene = await knownScene();
    const { publisher } = scene;
    publisher.publish();
    const path = 'metadata/timestamp.json';
    const honest = publisher.files.get(path)?.toString('latin1') ?? '';
    const odd = Buffer.from(honest.replace(/^\{/, '{"comment": "\xff\xfe", '), 'latin1');
    publisher.files.set(path, odd);
    await scene.client().target(TARGET);
    assert.ok(odd.equals(await readFile(join(scene.cacheFolder, 'timestamp.json'))));
    publisher.roles.timestamp.version = 2;
    publisher.sign('timestamp');
    await scene.assertRefused({ code: 'SMM450', message: /version 2 of timestamp\.json, but version 3 was seen/ });
  });

  it('of a delegated role is never taken for a root, also where the role has the name of a root', async () => {
    await using scene = await knownScene();
    const { publisher } = scene;
    publisher.publishRoot((root) => Object.assign(root, { consistentSnapshot: false }));
    const bare = (name: string, from: string) =>
      publisher.files.set(`metadata/${name}`, publisher.files.get(`metadata/${from}`) ?? Buffer.alloc(0));
    const root = publisher.root(2);
    publisher.delegate('2.root', 'team/*').publish();
    publisher.publish();
    for (const role of ['snapshot', 'targets']) bare(`${role}.json`, `3.${role}.json`);
    scene.server.answers.set(
      'metadata/2.root.json',
      file(publisher.files.get('metadata/1.2.root.json') ?? Buffer.alloc(0)),
    );
    await assert.rejects(scene.client().target('team/file'), { code: 'SMM458' });
    assert.ok(root.equals(await readFile(join(scene.cacheFolder, 'roots/2.root.json'))));
  });

  it('is no longer asked about when its key was withdrawn', async () => {
    await using scene = await knownScene();
    const { publisher } = scene;
    for (const role of ['timestamp', 'snapshot'] as const) {
      publisher.rotate(role);
      publisher.roles[role].version = 0;
    }
    publisher.publishRoot();
    publisher.publish(['snapshot', 'timestamp']);
    await scene.client().target(TARGET);
    assert.deepEqual(await scene.versions(), {
      ...KNOWN,
      'roots/3.root.json': 3,
      'snapshot.json': 1,
      'timestamp.json': 1,
    });
  });
});

describe('the root', () => {
  /** Root 2 to 5: each with other keys for everything. */
  const rotate = ({ publisher }: Scene, times: number) => {
    for (let time = 0; time < times; time += 1) {
      const before = publisher.roles.root.keys;
      for (const role of ['root', 'timestamp', 'snapshot', 'targets'] as const) publisher.rotate(role);
      publisher.publishRoot(undefined, before);
    }
    publisher.publish();
  };
  const asked = (requests: string[]) => requests.filter((path) => path.includes('root'));

  it('is followed over several versions, and each is kept', async () => {
    await using scene = await Scene.begin();
    rotate(scene, 4);
    await scene.client().target(TARGET);
    const roots = Object.keys(await scene.versions()).filter((name) => name.startsWith('roots'));
    assert.deepEqual(
      roots,
      [2, 3, 4, 5].map((version) => `roots/${version}.root.json`),
    );
    scene.server.takeRequests();
    rotate(scene, 1);
    await scene.client().target(TARGET);
    assert.deepEqual(asked(scene.server.takeRequests()), ['metadata/6.root.json', 'metadata/7.root.json']);
  });

  it('is followed from the package of today when that has a newer one than was seen', async () => {
    await using scene = await knownScene();
    rotate(scene, 2);
    await writeFile(scene.rootFile, scene.publisher.root());
    await scene.client().target(TARGET);
    assert.deepEqual(asked(scene.server.takeRequests()), ['metadata/5.root.json']);
  });

  it('is followed from where the chain that is kept breaks', async () => {
    await using scene = await Scene.begin();
    rotate(scene, 4);
    await scene.client().target(TARGET);
    scene.server.takeRequests();
    await scene.plant('roots/3.root.json', scene.publisher.root(5));
    await scene.client().target(TARGET);
    assert.deepEqual(
      asked(scene.server.takeRequests()),
      [3, 4, 5, 6].map((version) => `metadata/${version}.root.json`),
    );
  });

  it('is not given up when the server shows a bad one: keys that were withdrawn stay withdrawn', async () => {
    await using scene = await Scene.begin();
    const { publisher, server } = scene;
    const stolen = publisher.roles.timestamp.keys;
    rotate(scene, 2);
    await scene.client().target(TARGET);
    // A thief of the first timestamp key, who controls the server, says that there has never been another root.
    for (const version of [2, 3]) server.answers.set(`metadata/${version}.root.json`, status(404));
    publisher.roles.timestamp.signers = stolen;
    publisher.publish(['timestamp']);
    for (const next of [file(Buffer.from('garbage')), file(publisher.root(1)), status(404)]) {
      server.answers.set('metadata/4.root.json', next);
      await scene.assertRefused({ code: /^SMM45[56]$/, message: /^cannot trust/ });
    }
    const roots = Object.keys(await scene.versions()).filter((name) => name.startsWith('roots'));
    assert.deepEqual(roots, ['roots/2.root.json', 'roots/3.root.json']);
  });

  const unusable: Record<string, (scene: Scene) => Promise<unknown>> = {
    'is not there': ({ rootFile }) => rm(rootFile),
    'is empty': ({ rootFile }) => truncate(rootFile, 0),
    'is torn': ({ rootFile }) => truncate(rootFile, 300),
    'is another role': ({ rootFile, publisher }) =>
      writeFile(rootFile, publisher.files.get('metadata/timestamp.json') ?? ''),
    'is not signed by itself': async ({ rootFile, publisher }) => {
      publisher.roles.root.signers = [newKey()];
      publisher.publishRoot();
      await writeFile(rootFile, publisher.root());
    },
    'is a folder': async ({ rootFile }) => {
      await rm(rootFile);
      await mkdir(rootFile);
    },
  };
  for (const [what, make] of Object.entries(unusable)) {
    it(`of the package ${what}: the server is not asked, also where other metadata are kept`, async () => {
      await using scene = await knownScene();
      await make(scene);
      const error = { code: 'SMM460', message: `cannot use the trusted root ${scene.rootFile}` };
      await assert.rejects(scene.client().target(TARGET), error);
      assert.deepEqual(scene.server.takeRequests(), []);
      assert.deepEqual(await scene.versions(), KNOWN);
    });
  }
});
