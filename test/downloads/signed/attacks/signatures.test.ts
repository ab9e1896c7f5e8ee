/** Keys that are unknown, too few, or counted twice. */
import { describe } from 'node:test';
import { Key } from '@tufjs/models';
import { EXPIRES, newKey, type Publisher, type SigningKey } from '../publisher.ts';
import { refuses, SNAPSHOT_ATTACK, TARGETS_ATTACK } from './attacks.ts';

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
        what: `${role}, by a key that no root names`,
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
      what: 'a root by a key that no root names',
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
      what: 'a root in which one key has two names',
      attack: (publisher) => {
        const key = alias(publisher.roles.snapshot.keys[0] ?? newKey());
        publisher.publishRoot((root) => root.addKey(key, 'snapshot'));
      },
      code: 'SMM455',
      says: /2\.root\.json of the repository: one key has two names in a role, and could sign twice$/,
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
      says: /3\.targets\.json of the repository: one key has two names in a role/,
      ...TARGETS_ATTACK,
    },
  ]);
});
