/** Metadata that was right once: an old copy of the repository, one that has expired, and files of different times. */
import { describe, it } from 'node:test';
import { MetaFile } from '@tufjs/models';
import type { Publisher } from '../publisher.ts';
import { file } from '../repository-server.ts';
import { Scene } from '../scene.ts';
import { refuses, SNAPSHOT_ATTACK, TARGETS_ATTACK } from './attacks.ts';

const PAST = '2026-01-02T03:04:05Z';

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
      says: /^cannot trust the repository: it offers version 2 of timestamp\.json, but version 3 was seen before$/,
    },
    {
      what: 'a newer timestamp of an older snapshot',
      attack: (publisher) => {
        publisher.roles.snapshot.version = 1;
        publisher.sign('snapshot');
        publisher.publish(['timestamp']);
      },
      code: 'SMM450',
      says: /it offers version 1 of snapshot\.json, but version 2 was seen before$/,
    },
    {
      what: 'a newer snapshot of older targets',
      attack: (publisher) => {
        publisher.roles.targets.version = 1;
        publisher.sign('targets');
        publisher.publish(['snapshot', 'timestamp']);
      },
      code: 'SMM450',
      says: /it offers version 1 of targets\.json, but version 2 was seen before$/,
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
      says: /its targets\.json has version 3, but its snapshot names version 4$/,
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
