/** Signed metadata as files: read with every error in words, and written in a form that people can read too. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import {
  Metadata,
  MetadataKind,
  MetaFile,
  type Root,
  type Snapshot,
  type Targets,
  type Timestamp,
} from '@tufjs/models';
import { hasCode } from '../../src/host/files/file-errors.ts';
import { PublishError } from '../errors.ts';
import type { RoleName } from './roles.ts';

/** The version of TUF's specification that the files name. */
export const SPECIFICATION = '1.0.34';

/** What each role signs. */
export interface SignedBy {
  root: Root;
  targets: Targets;
  snapshot: Snapshot;
  timestamp: Timestamp;
}
export type Signed = SignedBy[RoleName];

/** Metadata and the bytes that it was read from, or is written as. */
export interface Sealed<R extends RoleName = RoleName> {
  metadata: Metadata<SignedBy[R]>;
  bytes: Buffer;
}

type Json = Parameters<typeof Metadata.fromJSON>[1];

/**
 * Reads a file of a role. Rejects when it is absent, unreadable,
 * or not metadata of this role. Does not check signatures.
 */
export async function readMetadata<R extends RoleName>(file: string, role: R): Promise<Sealed<R>> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (cause) {
    const why = hasCode(cause, 'ENOENT') ? 'it is not there' : 'it cannot be read';
    throw new PublishError(
      `cannot use ${file}: ${why}`,
      'check the path, or fetch the file from where it is published',
      { cause },
    );
  }
  return { metadata: parseMetadata(bytes.toString('utf8'), role, file), bytes };
}

/** Throws, with `name` in the sentence, for a text that is not metadata of this role. */
export function parseMetadata<R extends RoleName>(text: string, role: R, name: string): Metadata<SignedBy[R]> {
  try {
    return metadataFromJson(JSON.parse(text) as Json, role);
  } catch (cause) {
    throw new PublishError(
      `cannot use ${name}: it is not ${role} metadata: ${(cause as Error).message}`,
      'fetch the file from where it is published',
      { cause },
    );
  }
}

const KINDS = {
  root: MetadataKind.Root,
  targets: MetadataKind.Targets,
  snapshot: MetadataKind.Snapshot,
  timestamp: MetadataKind.Timestamp,
};

function metadataFromJson<R extends RoleName>(json: Json, role: R): Metadata<SignedBy[R]> {
  // fromJSON has an overload for each kind; which one it is depends on R alone.
  const parse = Metadata.fromJSON as (kind: MetadataKind, json: Json) => Metadata<SignedBy[R]>;
  return parse(KINDS[role], json);
}

export function seal<R extends RoleName>(metadata: Metadata<SignedBy[R]>): Sealed<R> {
  return { metadata, bytes: Buffer.from(`${JSON.stringify(metadata.toJSON(), null, 2)}\n`) };
}

/**
 * The entry with which other metadata names a file: with length
 * and digest, so that a client loads no more, and no other file.
 */
export function metaFileOf({ metadata, bytes }: Sealed): MetaFile {
  return new MetaFile({ version: metadata.signed.version, length: bytes.length, hashes: { sha256: sha256(bytes) } });
}

/** In hex. */
export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
