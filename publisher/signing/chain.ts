/** The files of a change: targets, the snapshot that names them, the timestamp that names the snapshot, all signed. */
import { Metadata, type Root, Snapshot, type TargetFile, Targets, Timestamp } from '@tufjs/models';
import { durationMs, timestampText } from '../durations.ts';
import { versionsOf } from '../layout.ts';
import type { Session } from '../publisher.ts';
import type { State } from '../state.ts';
import { metaFileOf, type Sealed, SPECIFICATION } from './metadata.ts';
import type { OnlineRole, RoleName } from './roles.ts';
import { sign } from './signatures.ts';

export interface Change {
  /** All targets after the change; absent: they stay. */
  targets?: Readonly<Record<string, TargetFile>>;
  /** Roles to sign again although nothing changed. */
  renew?: readonly OnlineRole[];
  /** Roots whose thresholds must be met. */
  must: readonly Root[];
  /** Roots that may follow: their keys sign too when they are at hand. */
  also?: readonly Root[];
}

/** The metadata to write. When a role is signed again, so are the roles that name it, up to the timestamp. */
export interface Chain {
  targets: Sealed<'targets'> | null;
  snapshot: Sealed<'snapshot'> | null;
  timestamp: Sealed<'timestamp'>;
}

/** The parts of a state that a chain follows; null for the first chain. */
export type Before = Pick<State, OnlineRole> | null;

/** Signs; writes nothing. Throws when too few keys are at hand. */
export async function signChain(session: Session, before: Before, change: Change): Promise<Chain> {
  const { renew = [], must, also = [] } = change;
  const trust = { must, also };
  const isNew = change.targets !== undefined || renew.includes('targets');
  let targets: Sealed<'targets'> | null = null;
  if (isNew || before === null) {
    const version = await nextVersion(session.folder, 'targets', before);
    const signed = new Targets({
      ...common(session, 'targets', version),
      targets: { ...(change.targets ?? before?.targets.metadata.signed.targets) },
    });
    targets = sign(new Metadata(signed), 'targets', session.keys, trust);
  }
  let snapshot: Sealed<'snapshot'> | null = null;
  if (targets !== null || renew.includes('snapshot') || before === null) {
    const named = (targets ?? before?.targets) as Sealed<'targets'>;
    const signed = new Snapshot({
      ...common(session, 'snapshot', await nextVersion(session.folder, 'snapshot', before)),
      meta: { 'targets.json': metaFileOf(named) },
    });
    snapshot = sign(new Metadata(signed), 'snapshot', session.keys, trust);
  }
  const version = (before?.timestamp.metadata.signed.version ?? 0) + 1;
  const named = (snapshot ?? before?.snapshot) as Sealed<'snapshot'>;
  const signed = new Timestamp({ ...common(session, 'timestamp', version), snapshotMeta: metaFileOf(named) });
  return { targets, snapshot, timestamp: sign(new Metadata(signed), 'timestamp', session.keys, trust) };
}

/** The fields that all roles sign, with the expiry of the settings. */
export function common({ settings, now }: Session, role: RoleName, version: number) {
  const expires = new Date(now.getTime() + durationMs(settings.expires[role], `the expiry of ${role}`));
  return { version, specVersion: SPECIFICATION, expires: timestampText(expires) };
}

/**
 * Never a number whose file exists, although nothing names it: a killed
 * publisher has left it, and a mirror or a cache may keep that file for ever.
 */
async function nextVersion(folder: string, role: 'targets' | 'snapshot', before: Before): Promise<number> {
  return Math.max(before?.[role].metadata.signed.version ?? 0, ...(await versionsOf(folder, role))) + 1;
}
