/**
 * Every way of being attacked through metadata: each is refused with its own error, nothing is lost of what was known, and
 * an honest repository is believed again afterwards.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Key, Metadata, MetaFile, Timestamp } from '@tufjs/models';
import { METADATA_LIMITS } from '../../../src/repository/tuf/limits.ts';
import type { Publisher, SigningKey } from './publisher.ts';
import { EXPIRES, newKey } from './publisher.ts';
import { type Answer, dripping, endless, file, stalling, status } from './repository-server.ts';
import { IMPATIENT, Scene, TARGET } from './scene.ts';

const PAST = '2026-01-02T03:04:05Z';

interface Attack {
  what: string;
  /** Before the machine asks for the first time. */
  before?: (publisher: Publisher) => void;
  /** The machine has seen root 1, and version 2 of everything else. */
  attack: (publisher: Publisher, answers: Map<string, Answer>) => void;
  code: string;
  says: RegExp;
  /** What was verified before the attack showed: it is kept. */
  advances?: string[];
  /** A machine that does not wait long. */
  limits?: typeof IMPATIENT;
}

const SNAPSHOT_ATTACK = { advances: ['timestamp.json'] };
const TARGETS_ATTACK = { advances: ['snapshot.json', 'timestamp.json'] };

function refuses(attacks: readonly Attack[]): void {
  for (const { what, before, attack, code, says, advances = [], ...options } of attacks) {
    it(`${what} (${code})`, async () => {
      await using scene = await Scene.begin();
      const { publisher, server } = scene;
      before?.(publisher);
      await scene.client().target(TARGET);
      const heal = publisher.remember();
      attack(publisher, server.answers);
      await scene.assertRefused({ code, message: says }, { ...options, advances });
      // Nor the second time, when what was seen at the first is known.
      await scene.assertRefused({ code, message: says }, options);
      server.answers.clear();
      heal(advances.some((name) => name.startsWith('roots/')));
      await scene.fetch();
    });
  }
}

describe('an old copy of the repository (rollback)', () => {
  refuses([
    {
      what: 'an older timestamp',
      before: (publisher) => publisher.publish(),
      attack: (publisher) => {
        publisher.roles.timestamp.version = 2;
        publisher.sign('timestamp');
      },
      code: 'SMM450',
      says: /^cannot trust the repository: it offers version 2 of timestamp\.json, and version 3 was seen before$/,
    },
    {
      what: 'a newer timestamp of an older snapshot',
      attack: (publisher) => {
        publisher.roles.snapshot.version = 1;
        publisher.sign('snapshot');
        publisher.publish(['timestamp']);
      },
      code: 'SMM450',
      says: /it offers version 1 of snapshot\.json, and version 2 was seen before$/,
    },
    {
      what: 'a newer snapshot of older targets',
      attack: (publisher) => {
        publisher.roles.targets.version = 1;
        publisher.sign('targets');
        publisher.publish(['snapshot', 'timestamp']);
      },
      code: 'SMM450',
      says: /it offers version 1 of targets\.json, and version 2 was seen before$/,
      ...SNAPSHOT_ATTACK,
    },
    {
      what: 'a newer snapshot that leaves a role out',
      before: (publisher) => {
        publisher.targetsMeta['team.json'] = new MetaFile({ version: 1 });
        publisher.publish();
      },
      attack: (publisher) => {
        delete publisher.targetsMeta['team.json'];
        publisher.publish();
      },
      code: 'SMM450',
      says: /its snapshot leaves out team, which was there before$/,
      ...SNAPSHOT_ATTACK,
    },
    {
      what: 'the old root in the place of the next one',
      attack: (publisher, answers) => answers.set('metadata/2.root.json', file(publisher.root(1))),
      code: 'SMM450',
      says: /2\.root\.json holds the older version 1$/,
    },
  ]);
});

describe('metadata that has expired (freeze)', () => {
  const says = (role: string) =>
    new RegExp(
      `^cannot trust the repository: its ${role}\\.json expired at ${PAST}, and the clock of this machine says 20`,
    );
  refuses([
    {
      what: 'root',
      attack: (publisher) => {
        publisher.roles.root.expires = PAST;
        publisher.publishRoot();
        publisher.publish();
      },
      code: 'SMM451',
      says: says('root'),
      advances: ['roots/2.root.json'],
    },
    {
      what: 'timestamp',
      attack: (publisher) => {
        publisher.roles.timestamp.expires = PAST;
        publisher.publish();
      },
      code: 'SMM451',
      says: says('timestamp'),
    },
    {
      what: 'snapshot',
      attack: (publisher) => {
        publisher.roles.snapshot.expires = PAST;
        publisher.publish();
      },
      code: 'SMM451',
      says: says('snapshot'),
      ...SNAPSHOT_ATTACK,
    },
    {
      what: 'targets',
      attack: (publisher) => {
        publisher.roles.targets.expires = PAST;
        publisher.publish();
      },
      code: 'SMM451',
      says: says('targets'),
      ...TARGETS_ATTACK,
    },
  ]);
});

describe('files of different times (mix and match)', () => {
  const withoutDigests = (publisher: Publisher) => {
    publisher.withDigests = false;
    publisher.publish();
  };
  const old = (publisher: Publisher, name: string) => file(publisher.files.get(`metadata/${name}`) ?? Buffer.alloc(0));
  refuses([
    {
      what: 'another snapshot than the timestamp names',
      before: withoutDigests,
      attack: (publisher, answers) => {
        publisher.publish();
        answers.set('metadata/4.snapshot.json', old(publisher, '3.snapshot.json'));
      },
      code: 'SMM452',
      says: /its snapshot is not the one that its timestamp names$/,
      ...SNAPSHOT_ATTACK,
    },
    {
      what: 'other targets than the snapshot names',
      before: withoutDigests,
      attack: (publisher, answers) => {
        publisher.publish();
        answers.set('metadata/4.targets.json', old(publisher, '3.targets.json'));
      },
      code: 'SMM452',
      says: /its targets\.json has version 3, and its snapshot names version 4$/,
      ...TARGETS_ATTACK,
    },
    {
      what: 'a root that leaves one out',
      attack: (publisher, answers) => {
        publisher.publishRoot();
        publisher.publishRoot();
        answers.set('metadata/2.root.json', old(publisher, '3.root.json'));
      },
      code: 'SMM452',
      says: /2\.root\.json holds version 3$/,
    },
  ]);

  it('a snapshot that names no targets (SMM452)', async () => {
    await using scene = await Scene.begin();
    scene.publisher.targetsMeta = {};
    scene.publisher.publish(['snapshot', 'timestamp']);
    await scene.assertRefused(
      { code: 'SMM452', message: /its snapshot leaves out metadata that is needed$/ },
      { ...TARGETS_ATTACK },
    );
  });
});

describe('endless data', () => {
  const says = (name: string, bytes: string) =>
    new RegExp(`^cannot use ${name} of the repository: it is longer than ${bytes} bytes$`);
  refuses([
    {
      what: 'in the place of the next root',
      attack: (_, answers) => answers.set('metadata/2.root.json', endless),
      code: 'SMM453',
      says: says('2\\.root\\.json', '256000'),
    },
    {
      what: 'in the place of the timestamp',
      attack: (_, answers) => answers.set('metadata/timestamp.json', endless),
      code: 'SMM453',
      says: says('timestamp\\.json', '16000'),
    },
    {
      what: 'in the place of a snapshot whose length is signed',
      attack: (publisher, answers) => {
        publisher.publish();
        answers.set('metadata/3.snapshot.json', endless);
      },
      code: 'SMM453',
      says: says('3\\.snapshot\\.json', '\\d{3}'),
      ...SNAPSHOT_ATTACK,
    },
    {
      what: 'in the place of a snapshot whose signed length is beyond all bounds',
      attack: (publisher, answers) => {
        publisher.publish(['targets', 'snapshot']);
        publisher.snapshotMeta = new MetaFile({ version: 3, length: 1e12 });
        publisher.publish(['timestamp']);
        answers.set('metadata/3.snapshot.json', endless);
      },
      code: 'SMM453',
      says: says('3\\.snapshot\\.json', '256000'),
      ...SNAPSHOT_ATTACK,
    },
    {
      what: 'in the place of targets whose length is not signed',
      attack: (publisher, answers) => {
        publisher.withDigests = false;
        publisher.publish();
        answers.set('metadata/3.targets.json', endless);
      },
      code: 'SMM453',
      says: says('3\\.targets\\.json', '2000000'),
      ...TARGETS_ATTACK,
    },
    {
      what: 'a snapshot of so many entries that looking at it would stop the agent for minutes',
      attack: (publisher, answers) => {
        publisher.withDigests = false;
        publisher.publish();
        const meta = Object.fromEntries(Array.from({ length: 9000 }, (_, index) => [`${index}`, { version: 1 }]));
        const signed = { _type: 'snapshot', spec_version: '1.0.34', version: 3, expires: EXPIRES, meta };
        answers.set('metadata/3.snapshot.json', file(Buffer.from(JSON.stringify({ signed, signatures: [] }))));
      },
      code: 'SMM453',
      says: /^cannot use 3\.snapshot\.json of the repository: a list in it has more than 2000 entries$/,
      ...SNAPSHOT_ATTACK,
    },
  ]);
});

describe('metadata of another length or digest than is signed', () => {
  const changed = (publisher: Publisher, name: string, change: (content: string) => string) => {
    publisher.publish();
    const path = `metadata/${name}`;
    publisher.files.set(path, Buffer.from(change(publisher.files.get(path)?.toString() ?? '')));
  };
  const other = (content: string) => content.replace('"sig":"', '"sig":"0').replace(/.(?="\}\])/, '');
  refuses([
    {
      what: 'a snapshot that is too short',
      attack: (publisher) => changed(publisher, '3.snapshot.json', (content) => content.slice(0, -9)),
      code: 'SMM454',
      says: /^cannot trust the repository: 3\.snapshot\.json has \d+ bytes, and \d+ are signed$/,
      ...SNAPSHOT_ATTACK,
    },
    {
      what: 'a snapshot with another digest',
      attack: (publisher) => changed(publisher, '3.snapshot.json', other),
      code: 'SMM454',
      says: /3\.snapshot\.json has the digest [0-9a-f]{64}, and [0-9a-f]{64} is signed$/,
      ...SNAPSHOT_ATTACK,
    },
    {
      what: 'targets with another digest',
      attack: (publisher) => changed(publisher, '3.targets.json', other),
      code: 'SMM454',
      says: /3\.targets\.json has the digest/,
      ...TARGETS_ATTACK,
    },
    {
      what: 'a snapshot with a digest of a kind that is not known',
      attack: (publisher) => {
        publisher.publish(['targets', 'snapshot']);
        publisher.snapshotMeta = new MetaFile({ version: 3, hashes: { 'sha-999': '00' } });
        publisher.publish(['timestamp']);
      },
      code: 'SMM454',
      says: /3\.snapshot\.json is signed with a digest of a kind that nobody here knows \(sha-999\)$/,
      ...SNAPSHOT_ATTACK,
    },
  ]);
});

/** The same key under another name, and spelt in another way. */
function alias({ key }: SigningKey): Key {
  const keyVal = { public: key.keyVal.public?.toUpperCase() ?? '' };
  return new Key({ keyID: 'another name', keyType: 'ed25519', scheme: 'ed25519', keyVal });
}

describe('signatures', () => {
  const stranger = newKey();
  const twoOf = (role: 'timestamp' | 'snapshot' | 'targets') => (publisher: Publisher) => {
    publisher.rotate(role, [newKey(), newKey()]);
    publisher.roles[role].threshold = 2;
    publisher.publishRoot();
    publisher.publish();
  };
  const signedByOne = (role: 'timestamp' | 'snapshot' | 'targets') => (publisher: Publisher) => {
    publisher.roles[role].signers = publisher.roles[role].keys.slice(0, 1);
    publisher.publish();
  };
  const signedByStranger = (role: 'timestamp' | 'snapshot' | 'targets') => (publisher: Publisher) => {
    publisher.roles[role].signers = [stranger];
    publisher.publish();
  };
  const ahead = { timestamp: [], snapshot: SNAPSHOT_ATTACK.advances, targets: TARGETS_ATTACK.advances };
  for (const role of ['timestamp', 'snapshot', 'targets'] as const) {
    refuses([
      {
        what: `${role}, by a key that nobody named`,
        attack: signedByStranger(role),
        code: 'SMM455',
        says: new RegExp(`^cannot trust the repository: ${role}\\.json is signed by 0 of 1 keys that must sign it$`),
        advances: ahead[role],
      },
      {
        what: `${role}, by too few keys`,
        before: twoOf(role),
        attack: signedByOne(role),
        code: 'SMM455',
        says: new RegExp(`${role}\\.json is signed by 1 of 2 keys that must sign it$`),
        advances: ahead[role],
      },
    ]);
  }
  refuses([
    {
      what: 'a root by a key that nobody named',
      attack: (publisher) => {
        publisher.roles.root.signers = [stranger];
        publisher.publishRoot();
      },
      code: 'SMM455',
      says: /root\.json is signed by 0 of 1 keys that must sign it$/,
    },
    {
      what: 'a root by its own new key only',
      attack: (publisher) => {
        publisher.rotate('root');
        publisher.publishRoot(undefined, []);
      },
      code: 'SMM455',
      says: /root\.json is signed by 0 of 1/,
    },
    {
      what: 'a root by the old key only',
      attack: (publisher) => {
        publisher.roles.root.signers = publisher.roles.root.keys;
        publisher.rotate('root');
        publisher.publishRoot();
      },
      code: 'SMM455',
      says: /root\.json is signed by 0 of 1/,
    },
    {
      what: 'metadata that was changed after it was signed',
      attack: (publisher) => {
        publisher.publish();
        const path = 'metadata/timestamp.json';
        const text = publisher.files.get(path)?.toString() ?? '';
        publisher.files.set(path, Buffer.from(text.replace(EXPIRES, '2037-01-01T00:00:00Z')));
      },
      code: 'SMM455',
      says: /timestamp\.json is signed by 0 of 1/,
    },
    {
      what: 'a root in which one key stands under two names',
      attack: (publisher) => {
        const key = alias(publisher.roles.snapshot.keys[0] ?? newKey());
        publisher.publishRoot((root) => root.addKey(key, 'snapshot'));
      },
      code: 'SMM455',
      says: /2\.root\.json of the repository: one key stands under two names in a role, and could sign twice$/,
    },
    {
      what: 'targets that delegate to one key under two names, with keys of another kind beside it',
      attack: (publisher) => {
        const twice = newKey();
        publisher.delegate('team', 'team/*', { named: [twice, { ...twice, key: alias(twice), id: 'another name' }] });
        const odd = new Key({ keyID: 'odd', keyType: 'odd', scheme: 'odd', keyVal: {} });
        Object.assign(publisher.delegations?.keys ?? {}, { odd });
        publisher.publish();
      },
      code: 'SMM455',
      says: /3\.targets\.json of the repository: one key stands under two names in a role/,
      ...TARGETS_ATTACK,
    },
  ]);
});

describe('what is no metadata', () => {
  const html = file(Buffer.from('<html>please log in</html>'));
  const truncated = (publisher: Publisher, name: string) =>
    file((publisher.files.get(`metadata/${name}`) ?? Buffer.alloc(0)).subarray(0, 100));
  refuses([
    {
      what: 'a login page for everything',
      attack: (_, answers) => answers.set('metadata/2.root.json', html),
      code: 'SMM456',
      says: /^cannot trust the repository: 2\.root\.json is no metadata of a repository \(Unexpected token '<'/,
    },
    {
      what: 'a login page as timestamp',
      attack: (_, answers) => answers.set('metadata/timestamp.json', html),
      code: 'SMM456',
      says: /timestamp\.json is no metadata/,
    },
    {
      what: 'half a timestamp',
      attack: (publisher, answers) => answers.set('metadata/timestamp.json', truncated(publisher, 'timestamp.json')),
      code: 'SMM456',
      says: /timestamp\.json is no metadata/,
    },
    {
      what: 'an empty timestamp',
      attack: (_, answers) => answers.set('metadata/timestamp.json', file(Buffer.alloc(0))),
      code: 'SMM456',
      says: /timestamp\.json is no metadata/,
    },
    {
      what: 'half a snapshot whose length is not signed',
      attack: (publisher, answers) => {
        publisher.withDigests = false;
        publisher.publish();
        answers.set('metadata/3.snapshot.json', truncated(publisher, '3.snapshot.json'));
      },
      code: 'SMM456',
      says: /3\.snapshot\.json is no metadata/,
      ...SNAPSHOT_ATTACK,
    },
    {
      what: 'half of the targets whose length is not signed',
      attack: (publisher, answers) => {
        publisher.withDigests = false;
        publisher.publish();
        answers.set('metadata/3.targets.json', truncated(publisher, '3.targets.json'));
      },
      code: 'SMM456',
      says: /3\.targets\.json is no metadata/,
      ...TARGETS_ATTACK,
    },
    {
      what: 'a timestamp in the place of the next root',
      attack: (publisher, answers) =>
        answers.set('metadata/2.root.json', file(publisher.files.get('metadata/timestamp.json') ?? Buffer.alloc(0))),
      code: 'SMM456',
      says: /2\.root\.json is no metadata of a repository \(expected 'root', got timestamp\)$/,
    },
    {
      what: 'a timestamp that the right key signed in the place of a snapshot',
      attack: (publisher) => {
        publisher.withDigests = false;
        publisher.publish();
        const { keys, expires } = publisher.roles.snapshot;
        const signed = new Timestamp({ version: 3, expires, specVersion: '1.0.34' });
        publisher.put('metadata/3.snapshot.json', new Metadata(signed), keys);
      },
      code: 'SMM456',
      says: /3\.snapshot\.json is no metadata of a repository \(expected 'snapshot', got timestamp\)$/,
      ...SNAPSHOT_ATTACK,
    },
  ]);
});

describe('a server that lets nobody have the news', () => {
  refuses([
    {
      what: 'falls silent',
      attack: (_, answers) => answers.set('metadata/timestamp.json', stalling),
      code: 'SMM414',
      says: /^cannot wait for https:.*\/metadata\/timestamp\.json: no data came for 0\.3 s$/,
      limits: IMPATIENT,
    },
    {
      what: 'sends a byte now and then',
      attack: (_, answers) => answers.set('metadata/2.root.json', dripping),
      code: 'SMM414',
      says: /2\.root\.json: it took longer than 0\.8 s$/,
      limits: IMPATIENT,
    },
    {
      what: 'sends a byte of the snapshot now and then',
      attack: (publisher, answers) => {
        publisher.publish();
        answers.set('metadata/3.snapshot.json', dripping);
      },
      code: 'SMM414',
      says: /3\.snapshot\.json: it took longer than 0\.8 s$/,
      limits: IMPATIENT,
      ...SNAPSHOT_ATTACK,
    },
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

  it('does not get more time by having many roots', async () => {
    await using scene = await Scene.begin();
    for (let version = 2; version < 9; version += 1) {
      scene.publisher.publishRoot();
      const root = file(scene.publisher.root());
      scene.server.answers.set(`metadata/${version}.root.json`, (...args) => void setTimeout(() => root(...args), 250));
    }
    const limits = { metadata: { ...METADATA_LIMITS, questionMs: 800 } };
    await assert.rejects(scene.client({ limits }).target(TARGET), {
      code: 'SMM414',
      message: /\.root\.json: it took longer/,
    });
    assert.ok(Object.keys(await scene.versions()).includes('roots/2.root.json'));
  });

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
