/**
 * A repository in memory, with a publisher that tests control: it is honest by default, and a test can choose every
 * version, date, key, digest and signature. It uses Ed25519 and consistent snapshots, with lengths and digests in
 * timestamp and snapshot.
 */
import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { Key, Metadata, MetaFile, Root, Signature, Snapshot, TargetFile, Targets, Timestamp } from '@tufjs/models';
import { Delegations } from '@tufjs/models/dist/delegations.js';
import { DelegatedRole } from '@tufjs/models/dist/role.js';

export type Role = 'root' | 'timestamp' | 'snapshot' | 'targets';
const ROLES = ['root', 'timestamp', 'snapshot', 'targets'] as const;

export interface SigningKey {
  id: string;
  key: Key;
  privateKey: KeyObject;
}

interface RoleState {
  version: number;
  expires: string;
  keys: SigningKey[];
  threshold: number;
  /** Who signs; default: `keys`. */
  signers: SigningKey[] | null;
}

export const EXPIRES = '2036-01-01T00:00:00Z';

export class Publisher {
  /** What lies on the server, by its path below the URL. */
  readonly files = new Map<string, Buffer>();
  readonly roles: Record<Role, RoleState>;
  readonly targets = new Map<string, TargetFile>();
  /** What timestamp and snapshot say about other files; the next `sign` writes it. */
  snapshotMeta = new MetaFile({ version: 1 });
  targetsMeta: Record<string, MetaFile> = {};
  /** Whether they say lengths and digests too. */
  withDigests = true;
  delegations: Targets['delegations'];

  constructor() {
    const state = () => ({ version: 0, expires: EXPIRES, keys: [newKey()], threshold: 1, signers: null });
    this.roles = { root: state(), timestamp: state(), snapshot: state(), targets: state() };
  }

  /** Root 1, and an empty repository below it. */
  static begin(): Publisher {
    const publisher = new Publisher();
    publisher.publishRoot();
    publisher.publish();
    return publisher;
  }

  /** Returns what makes it honest again: everything as it is now, and newer versions of what has been shown since. */
  remember(): (hasShownRoot: boolean) => void {
    const files = new Map(this.files);
    const roles = copyOf(this.roles);
    const targetsMeta = { ...this.targetsMeta };
    const { withDigests, delegations } = this;
    return (hasShownRoot) => {
      for (const role of ROLES) {
        const { version } = this.roles[role];
        const goesOn = role !== 'root' || hasShownRoot;
        this.roles[role] = { ...roles[role], version: goesOn ? version : roles[role].version };
      }
      for (const path of [...this.files.keys()]) if (!files.has(path) && !hasShownRoot) this.files.delete(path);
      Object.assign(this, { targetsMeta, withDigests, delegations });
      if (hasShownRoot) this.publishRoot();
      this.publish();
    };
  }

  /** The newest root, as a package would ship it. */
  root(version = this.roles.root.version): Buffer {
    const content = this.files.get(`metadata/${version}.root.json`);
    if (content === undefined) throw new Error(`there is no root ${version}`);
    return content;
  }

  /** Signs a file; it counts from the next `publish` on. */
  add(path: string, content: Buffer, options: { length?: number; hashes?: Record<string, string> } = {}) {
    const sha256 = sha256Of(content);
    const { length = content.length, hashes = { sha256 } } = options;
    this.targets.set(path, new TargetFile({ path, length, hashes }));
    this.files.set(consistentPath(path, sha256), content);
  }

  /** The next version of everything below the root, or of these roles only, each from what is known now. */
  publish(roles: readonly Exclude<Role, 'root'>[] = ['targets', 'snapshot', 'timestamp']): void {
    for (const role of roles) {
      this.roles[role].version += 1;
      this.sign(role);
    }
  }

  /** The next root. It is signed by the keys of the one before as well. */
  publishRoot(change: (root: Root) => void = () => {}, before = this.roles.root.keys): void {
    this.roles.root.version += 1;
    const { version, expires, keys, signers } = this.roles.root;
    const root = new Root({ version, expires, specVersion: '1.0.34', consistentSnapshot: true });
    for (const role of ROLES) {
      for (const { key } of this.roles[role].keys) root.addKey(key, role);
      Object.assign(root.roles[role] ?? {}, { threshold: this.roles[role].threshold });
    }
    change(root);
    this.put(`metadata/${version}.root.json`, new Metadata(root), signers ?? [...new Set([...before, ...keys])]);
  }

  /** Other keys for a role; the next `publishRoot` says so. */
  rotate(role: Role, keys = [newKey()]): void {
    this.roles[role].keys = keys;
  }

  /**
   * Lets another role answer for the files of a pattern. What it returns adds and publishes them; then the snapshot
   * must be published.
   */
  delegate(
    name: string,
    pattern: string,
    { expires = EXPIRES, named, signers }: { expires?: string; named?: SigningKey[]; signers?: SigningKey[] } = {},
  ) {
    const keys = named ?? [newKey()];
    const role = { name, keyIDs: keys.map(({ id }) => id), threshold: 1, terminating: false, paths: [pattern] };
    this.delegations ??= new Delegations({ keys: {}, roles: {} });
    Object.assign(this.delegations.roles ?? {}, { [name]: new DelegatedRole(role) });
    for (const { id, key } of keys) this.delegations.keys[id] = key;
    const signed = new Targets({ version: 1, expires, specVersion: '1.0.34' });
    return {
      add: (path: string, content: Buffer) => {
        const sha256 = sha256Of(content);
        signed.addTarget(new TargetFile({ path, length: content.length, hashes: { sha256 } }));
        this.files.set(consistentPath(path, sha256), content);
      },
      publish: () => {
        const path = `metadata/1.${encodeURIComponent(name)}.json`;
        this.targetsMeta[`${name}.json`] = this.put(path, new Metadata(signed), signers ?? keys);
      },
    };
  }

  /** Signs a role in the version that it has now, and puts it on the server. */
  sign(role: Exclude<Role, 'root'>): void {
    const { version, expires, keys, signers } = this.roles[role];
    const common = { version, expires, specVersion: '1.0.34' };
    if (role === 'targets') {
      const targets = Object.fromEntries(this.targets);
      const { delegations } = this;
      const signed = new Targets({ ...common, targets, ...(delegations === undefined ? {} : { delegations }) });
      this.targetsMeta['targets.json'] = this.put(
        `metadata/${version}.targets.json`,
        new Metadata(signed),
        signers ?? keys,
      );
    } else if (role === 'snapshot') {
      const signed = new Snapshot({ ...common, meta: { ...this.targetsMeta } });
      this.snapshotMeta = this.put(`metadata/${version}.snapshot.json`, new Metadata(signed), signers ?? keys);
    } else {
      const signed = new Timestamp({ ...common, snapshotMeta: this.snapshotMeta });
      this.put('metadata/timestamp.json', new Metadata(signed), signers ?? keys);
    }
  }

  /** Puts signed metadata on the server, and returns what another file can say about it. */
  put(
    path: string,
    metadata: Metadata<Root | Timestamp | Snapshot | Targets>,
    signers: readonly SigningKey[],
  ): MetaFile {
    for (const { id, privateKey } of signers) {
      metadata.sign((data) => new Signature({ keyID: id, sig: sign(null, data, privateKey).toString('hex') }));
    }
    const content = Buffer.from(JSON.stringify(metadata.toJSON()));
    this.files.set(path, content);
    const { version } = metadata.signed;
    if (!this.withDigests) return new MetaFile({ version });
    return new MetaFile({ version, length: content.length, hashes: { sha256: sha256Of(content) } });
  }
}

function copyOf(roles: Record<Role, RoleState>): Record<Role, RoleState> {
  const copies = ROLES.map((role) => [role, { ...roles[role], keys: [...roles[role].keys] }] as const);
  return Object.fromEntries(copies) as Record<Role, RoleState>;
}

function consistentPath(path: string, sha256: string): string {
  const slash = path.lastIndexOf('/') + 1;
  return `targets/${path.slice(0, slash)}${sha256}.${path.slice(slash)}`;
}

export function newKey(): SigningKey {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const hex = publicKey.export({ type: 'spki', format: 'der' }).subarray(-32).toString('hex');
  const id = sha256Of(Buffer.from(hex));
  const key = new Key({ keyID: id, keyType: 'ed25519', scheme: 'ed25519', keyVal: { public: hex } });
  return { id, key, privateKey };
}

export function sha256Of(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
