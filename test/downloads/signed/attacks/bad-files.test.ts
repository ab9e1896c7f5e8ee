/** Files that are too long, damaged, or no metadata at all. */
import { describe } from 'node:test';
import { Metadata, MetaFile, Timestamp } from '@tufjs/models';
import { EXPIRES, type Publisher } from '../publisher.ts';
import { endless, file } from '../repository-server.ts';
import { refuses, SNAPSHOT_ATTACK, TARGETS_ATTACK } from './attacks.ts';

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
      says: /^cannot trust the repository: 3\.snapshot\.json has \d+ bytes, but \d+ are signed$/,
      ...SNAPSHOT_ATTACK,
    },
    {
      what: 'a snapshot with another digest',
      attack: (publisher) => changed(publisher, '3.snapshot.json', other),
      code: 'SMM454',
      says: /3\.snapshot\.json has the digest [0-9a-f]{64}, but [0-9a-f]{64} is signed$/,
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
      says: /3\.snapshot\.json is signed with an unknown kind of digest \(sha-999\)$/,
      ...SNAPSHOT_ATTACK,
    },
  ]);
});

/** The same key under another name, and spelt in another way. */

describe('what is no metadata', () => {
  const html = file(Buffer.from('<html>please log in</html>'));
  const truncated = (publisher: Publisher, name: string) =>
    file((publisher.files.get(`metadata/${name}`) ?? Buffer.alloc(0)).subarray(0, 100));
  refuses([
    {
      what: 'a login page for everything',
      attack: (_, answers) => answers.set('metadata/2.root.json', html),
      code: 'SMM456',
      says: /^cannot trust the repository: 2\.root\.json is not metadata of a repository \(Unexpected token '<'/,
    },
    {
      what: 'a login page as timestamp',
      attack: (_, answers) => answers.set('metadata/timestamp.json', html),
      code: 'SMM456',
      says: /timestamp\.json is not metadata/,
    },
    {
      what: 'half a timestamp',
      attack: (publisher, answers) => answers.set('metadata/timestamp.json', truncated(publisher, 'timestamp.json')),
      code: 'SMM456',
      says: /timestamp\.json is not metadata/,
    },
    {
      what: 'an empty timestamp',
      attack: (_, answers) => answers.set('metadata/timestamp.json', file(Buffer.alloc(0))),
      code: 'SMM456',
      says: /timestamp\.json is not metadata/,
    },
    {
      what: 'half a snapshot whose length is not signed',
      attack: (publisher, answers) => {
        publisher.withDigests = false;
        publisher.publish();
        answers.set('metadata/3.snapshot.json', truncated(publisher, '3.snapshot.json'));
      },
      code: 'SMM456',
      says: /3\.snapshot\.json is not metadata/,
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
      says: /3\.targets\.json is not metadata/,
      ...TARGETS_ATTACK,
    },
    {
      what: 'a timestamp in the place of the next root',
      attack: (publisher, answers) =>
        answers.set('metadata/2.root.json', file(publisher.files.get('metadata/timestamp.json') ?? Buffer.alloc(0))),
      code: 'SMM456',
      says: /2\.root\.json is not metadata of a repository \(expected 'root', got timestamp\)$/,
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
      says: /3\.snapshot\.json is not metadata of a repository \(expected 'snapshot', got timestamp\)$/,
      ...SNAPSHOT_ATTACK,
    },
  ]);
});
