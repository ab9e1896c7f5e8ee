/**
 * The version that an operator has left by `smm-agent rollback`: the agent does not switch to it again until the
 * control plane has asked for another version, or the operator runs `smm-agent retry`.
 */
import { join } from 'node:path';
import type { Paths } from '../base/paths.ts';
import { formatFields, parseFields } from '../host/fields.ts';
import { makeFolder, readText, removeFile, writeAtomically } from '../host/files/files.ts';
import { changeVersions } from './lock.ts';
import { VERSION_NAME } from './version.ts';

export interface LeftVersion {
  version: string;
  /** The version to which the agent went back. */
  for: string;
  /** ISO 8601. */
  at: string;
}

export async function readLeftVersion(paths: Pick<Paths, 'agentState'>): Promise<LeftVersion | null> {
  const fields = parseFields((await readText(fileOf(paths))) ?? '');
  const [version = '', instead = ''] = [fields.get('version'), fields.get('for')];
  if (!VERSION_NAME.test(version)) return null;
  return { version, for: instead, at: fields.get('at') ?? '' };
}

/** null: forgets it. */
export async function writeLeftVersion(paths: Pick<Paths, 'agentState'>, left: LeftVersion | null): Promise<void> {
  if (left === null) return removeFile(fileOf(paths));
  await makeFolder(paths.agentState, 0o755);
  await writeAtomically(fileOf(paths), formatFields(Object.entries(left)), { mode: 0o644 });
}

/** Forgets it, unless an operator has left another version meanwhile. */
export function forgetLeftVersion(paths: Paths, left: LeftVersion): Promise<void> {
  return changeVersions(paths, async () => {
    const now = await readLeftVersion(paths);
    if (now?.version === left.version && now.at === left.at) await writeLeftVersion(paths, null);
  });
}

function fileOf({ agentState }: Pick<Paths, 'agentState'>): string {
  return join(agentState, 'left');
}
