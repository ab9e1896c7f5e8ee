/** A server that withholds new metadata. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { METADATA_LIMITS } from '../../../../src/downloads/signed/limits.ts';
import { dripping, file, stalling, status } from '../repository-server.ts';
import { Scene, TARGET } from '../scene.ts';
import { refuses, SNAPSHOT_ATTACK } from './attacks.ts';

/** One limit each: with both, a busy machine could meet the other one first. */
const SILENCE = { metadata: { ...METADATA_LIMITS, stallMs: 2000 } };
const DRIPPING = { metadata: { ...METADATA_LIMITS, fileMs: 2000 } };

// Side by side: they only wait.
describe('a server that withholds new metadata by being slow', { concurrency: true }, () => {
  refuses([
    {
      what: 'falls silent',
      attack: (_, answers) => answers.set('metadata/timestamp.json', stalling),
      code: 'SMM414',
      says: /^cannot wait for https:.*\/metadata\/timestamp\.json: no data came for 2 s$/,
      limits: SILENCE,
    },
    {
      what: 'sends a byte now and then',
      attack: (_, answers) => answers.set('metadata/2.root.json', dripping),
      code: 'SMM414',
      says: /2\.root\.json: it took longer than 2 s$/,
      limits: DRIPPING,
    },
    {
      what: 'sends a byte of the snapshot now and then',
      attack: (publisher, answers) => {
        publisher.publish();
        answers.set('metadata/3.snapshot.json', dripping);
      },
      code: 'SMM414',
      says: /3\.snapshot\.json: it took longer than 2 s$/,
      limits: DRIPPING,
      ...SNAPSHOT_ATTACK,
    },
  ]);

  it('does not get more time by having many roots', async () => {
    await using scene = await Scene.begin();
    for (let version = 2; version < 10; version += 1) {
      scene.publisher.publishRoot();
      const root = file(scene.publisher.root());
      scene.server.answers.set(`metadata/${version}.root.json`, (...args) => void setTimeout(() => root(...args), 500));
    }
    const limits = { metadata: { ...METADATA_LIMITS, questionMs: 2500 } };
    await assert.rejects(scene.client({ limits }).target(TARGET), {
      code: 'SMM414',
      message: /\.root\.json: it took longer/,
    });
    assert.ok(Object.keys(await scene.versions()).includes('roots/2.root.json'));
  });
});

describe('a server that withholds new metadata', () => {
  refuses([
    {
      what: 'fails',
      attack: (_, answers) => answers.set('metadata/timestamp.json', status(500)),
      code: 'SMM411',
      says: /timestamp\.json: the server answers 500$/,
    },
    {
      what: 'fails where the next root would be',
      attack: (_, answers) => answers.set('metadata/2.root.json', status(503)),
      code: 'SMM411',
      says: /2\.root\.json: the server answers 503$/,
    },
    {
      what: 'has no timestamp',
      attack: (publisher) => publisher.files.delete('metadata/timestamp.json'),
      code: 'SMM410',
      says: /^cannot find .*timestamp\.json: the server answers 404$/,
    },
    {
      what: 'has not the snapshot that the timestamp names',
      attack: (publisher) => {
        publisher.publish();
        publisher.files.delete('metadata/3.snapshot.json');
      },
      code: 'SMM410',
      says: /^cannot find .*3\.snapshot\.json: the server answers 404$/,
      ...SNAPSHOT_ATTACK,
    },
    {
      what: 'cuts the connection',
      attack: (_, answers) => answers.set('metadata/timestamp.json', (response) => void response.destroy()),
      code: 'SMM412',
      says: /^cannot download .*timestamp\.json: /,
    },
  ]);

  it('does not keep the agent from stopping', async () => {
    await using scene = await Scene.known();
    const before = await scene.cache();
    const stop = new AbortController();
    const reason = new Error('the agent is stopping');
    scene.server.answers.set('metadata/timestamp.json', (...args) => {
      stalling(...args);
      stop.abort(reason);
    });
    await assert.rejects(scene.client().target(TARGET, stop.signal), reason);
    assert.deepEqual(await scene.cache(), before);
  });

  it('is waited for again where time may heal it, as long as it asks', async () => {
    await using scene = await Scene.begin();
    scene.server.answers.set('metadata/timestamp.json', status(503, { 'Retry-After': '7' }));
    await assert.rejects(scene.client().target(TARGET), { code: 'SMM411', retryAfterMs: 7000 });
  });

  it('may say 403 where there is no newer root, as buckets do', async () => {
    await using scene = await Scene.begin();
    scene.server.answers.set('metadata/2.root.json', status(403));
    await scene.fetch();
  });
});
