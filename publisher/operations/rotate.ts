/** New keys for a role, or only a root that is valid for longer: both make a root that follows the published one. */
import type { Root } from '@tufjs/models';
import { PublishError } from '../errors.ts';
import { draftFile } from '../layout.ts';
import { inRepository, type Publisher, type Session } from '../publisher.ts';
import { signChain } from '../signing/chain.ts';
import type { SigningKey } from '../signing/keys.ts';
import { seal } from '../signing/metadata.ts';
import { changedRole, isGone, makeKeysFor, plannedChanges, type RotateOptions } from '../signing/role-change.ts';
import { ONLINE_ROLES, type OnlineRole, type RoleName } from '../signing/roles.ts';
import { makeRoot, type RoleKeys, roleKeysOf } from '../signing/root.ts';
import { addSignatures, canSign } from '../signing/signatures.ts';
import { readState, type State } from '../state.ts';
import { keepDraft, type Lacking, lackingSignatures, pendingRoots } from './draft.ts';
import { publishChain, publishRoot } from './publish.ts';

export type Rotated =
  /** The new root is published. */
  | { answer: 'published'; version: number; made: readonly string[] }
  /** A rotation that was cut off was completed, and nothing else done. */
  | { answer: 'completed'; version: number }
  /** Too few root keys are at hand: the draft waits for the others. */
  | { answer: 'draft'; file: string; version: number; made: readonly string[]; lacking: readonly Lacking[] };

/**
 * Rejects when the change is impossible, or keys for it are
 * missing; nothing is changed then, but there may be new key files.
 */
export async function rotateKeys(publisher: Publisher, options: RotateOptions): Promise<Rotated> {
  return inRepository(publisher, async (session) => {
    const state = await readState(session.folder);
    const current = state.root.metadata.signed;
    if (session.completed || isGone(state, options)) return { answer: 'completed', version: current.version };
    await requireNoDraft(session, state);
    const roles: Record<RoleName, RoleKeys> = roleKeysOf(current);
    const made: SigningKey[] = [];
    for (const change of await plannedChanges(state, options)) {
      const keys = await makeKeysFor(session, state, change);
      roles[change.role] = changedRole(change, keys);
      made.push(...keys);
    }
    const signing = { ...session, keys: [...session.keys, ...made] };
    const next = makeRoot(session, current.version + 1, roles);
    addSignatures(next, 'root', [current, next.signed], signing.keys);
    const draft = { previous: state.root.metadata, next };
    const lacking = lackingSignatures(draft);
    const answer = { version: next.signed.version, made: made.map(({ file }) => file) };
    if (lacking.length === 0) {
      await publishRoot(signing, state, seal<'root'>(next));
      return { answer: 'published', ...answer };
    }
    await signAhead(signing, state, options.roles, next.signed);
    const file = await keepDraft(session.folder, draft);
    await session.step('draft-written');
    return { answer: 'draft', file, lacking, ...answer };
  });
}

/**
 * From now on, while the draft waits, metadata is signed by the new keys as well as by the old ones: the publication of
 * the root then needs no other key. If old keys are lost, this has to wait until the root is published.
 */
async function signAhead(session: Session, state: State, roles: readonly RoleName[], next: Root): Promise<void> {
  const current = state.root.metadata.signed;
  const renew = ONLINE_ROLES.filter((role) => roles.includes(role));
  const [lowest] = renew;
  if (lowest === undefined || !withThoseAbove(lowest).every((role) => canSign(current, role, session.keys))) return;
  await publishChain(session, await signChain(session, state, { renew, must: [current], also: [next] }));
}

function withThoseAbove(role: OnlineRole): readonly OnlineRole[] {
  return ONLINE_ROLES.slice(ONLINE_ROLES.indexOf(role));
}

async function requireNoDraft(session: Session, state: State): Promise<void> {
  const [pending] = await pendingRoots(session.folder, state.root);
  if (pending === undefined) return;
  const file = draftFile(session.folder, pending.version);
  throw new PublishError(
    `cannot make another root ${pending.version}: a draft of it waits for signatures`,
    `repository sign ${file}, then repository publish-root; or remove the draft`,
  );
}
