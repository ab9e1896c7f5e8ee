/** Signs a draft of a root, at the place where the keys are, and publishes it when there are enough signatures. */
import { dirname } from 'node:path';
import type { Metadata, Root } from '@tufjs/models';
import { withFileLock } from '../../src/host/files/file-lock.ts';
import { removeFile } from '../../src/host/files/files.ts';
import { PublishError } from '../errors.ts';
import { draftFile, lockFile } from '../layout.ts';
import { inRepository, type Publisher } from '../publisher.ts';
import { readKeys } from '../signing/keys.ts';
import { seal, sha256 } from '../signing/metadata.ts';
import { differences } from '../signing/root.ts';
import { addSignatures, keyIdsOf, shortId } from '../signing/signatures.ts';
import { readState } from '../state.ts';
import { type Lacking, lackingSignatures, type RootDraft, readDraft, writeDraft } from './draft.ts';
import { publishRoot } from './publish.ts';

export interface SignedDraft {
  version: number;
  /** What the new root changes, for the signer to see. */
  changes: readonly string[];
  /** The root that the draft follows, with the SHA-256 of its file: to be compared with the published one. */
  previous: { version: number; sha256: string };
  /** Ids of the keys that signed now. */
  signed: readonly string[];
  lacking: readonly Lacking[];
}

/** Reads a draft without signing it: what a signer looks at first. */
export async function describeDraft(file: string): Promise<SignedDraft> {
  return described(await readDraft(file), []);
}

/**
 * Adds the signatures of the keys at hand. Needs no repository. Rejects when none of the keys is one that must sign.
 */
export async function signDraft(
  file: string,
  { keys: folders, passphrase }: Pick<Publisher, 'keys' | 'passphrase'>,
): Promise<SignedDraft> {
  const keys = await readKeys(folders, passphrase);
  return withFileLock(lockFile(dirname(file)), async () => {
    const draft = await readDraft(file);
    const signing = addSignatures(draft.next, 'root', [draft.previous.signed, draft.next.signed], keys);
    if (signing.length === 0) {
      const ids = [draft.previous.signed, draft.next.signed].flatMap((root) => keyIdsOf(root, 'root'));
      throw new PublishError(
        `cannot sign ${file}: none of the keys at hand is a root key of it`,
        `let --keys name the folder with one of ${[...new Set(ids)].map(shortId).join(', ')}`,
      );
    }
    await writeDraft(file, draft);
    return described(
      draft,
      signing.map(({ key }) => key.keyID),
    );
  });
}

function described(draft: RootDraft, signed: readonly string[]): SignedDraft {
  const { previous, next } = draft;
  return {
    version: next.signed.version,
    changes: differences(previous.signed, next.signed),
    previous: { version: previous.signed.version, sha256: sha256(seal<'root'>(previous).bytes) },
    signed,
    lacking: lackingSignatures(draft),
  };
}

/**
 * Publishes a draft; several copies of it that were signed separately are merged. Returns the version of the root, also
 * when it is published already. Rejects when the threshold of the old or of the new root is not met, and names the keys
 * that must still sign.
 */
export async function publishDraft(publisher: Publisher, files: readonly string[]): Promise<number> {
  return inRepository(publisher, async (session) => {
    const state = await readState(session.folder);
    const next = merge(await Promise.all(files.map(async (file) => ({ file, draft: await readDraft(file) }))));
    const { version } = next.signed;
    const published = state.roots.find(({ metadata }) => metadata.signed.version === version);
    if (published?.metadata.signed.equals(next.signed)) {
      await removeFile(draftFile(session.folder, version));
      return version;
    }
    if (version !== state.root.metadata.signed.version + 1) {
      throw new PublishError(
        `cannot publish root ${version}: the newest one is ${state.root.metadata.signed.version}`,
        'the draft was overtaken by another root: make it again with repository rotate',
      );
    }
    // The published root decides, and not the previous root in the draft.
    const lacking = lackingSignatures({ previous: state.root.metadata, next });
    if (lacking.length > 0)
      throw new PublishError(
        `cannot publish root ${version}: ${lackingTexts(lacking).join('; ')}`,
        'let them sign: repository sign <draft> --keys <folder>',
      );
    await publishRoot(session, state, seal<'root'>(next));
    return version;
  });
}

/** A sentence for each root whose threshold is not met; one for both if they ask for the same. */
export function lackingTexts(lacking: readonly Lacking[]): string[] {
  const texts = lacking.map(({ tally: { threshold, signed, missing } }) => {
    const more = `${threshold - signed.length} more of ${missing.map(shortId).join(', ')} must sign`;
    return `asks for ${threshold} signatures and has ${signed.length}: ${more}`;
  });
  if (texts.length === 2 && texts[0] === texts[1]) return [`it ${texts[0]}`];
  return texts.map((text, index) => `the ${lacking[index]?.by} root ${text}`);
}

function merge(drafts: readonly { file: string; draft: RootDraft }[]): Metadata<Root> {
  const [first, ...others] = drafts;
  if (first === undefined) throw new PublishError('cannot publish a root without its draft', 'name the file');
  const { next } = first.draft;
  for (const { file, draft } of others) {
    if (!draft.next.signed.equals(next.signed)) {
      throw new PublishError(
        `cannot merge ${file} and ${first.file}: they are drafts of different roots`,
        'let all sign copies of one draft',
      );
    }
    for (const signature of Object.values(draft.next.signatures)) next.signatures[signature.keyID] ??= signature;
  }
  return next;
}
