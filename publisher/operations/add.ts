/**
 * Publishes files. Their bytes are in place before metadata names them, and only `replace` gives a path other bytes.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { METADATA_LIMITS } from '../../src/downloads/signed/limits.ts';
import { makeFolder, removeLeftovers, writeAtomically } from '../../src/host/files/files.ts';
import { PublishError } from '../errors.ts';
import { targetFile } from '../layout.ts';
import { inRepository, type Publisher, type Session } from '../publisher.ts';
import { signChain } from '../signing/chain.ts';
import { readState } from '../state.ts';
import { type CheckedTarget, checkTarget, type NewTarget } from '../targets/new-target.ts';
import { pendingRoots } from './draft.ts';
import { publishChain } from './publish.ts';
import { removeOld } from './sweep.ts';

export interface AddOptions {
  /** A path may get other bytes than it has. */
  replace?: boolean;
  /** Days for which unused files stay; default: that of the settings. */
  keepDays?: number | undefined;
}

export interface Added {
  added: { path: string; bytes: number }[];
  /** Paths that were published already, with these bytes. */
  unchanged: string[];
}

/** Rejects, and publishes nothing, when one of the files cannot be published. */
export async function addTargets(
  publisher: Publisher,
  files: readonly NewTarget[],
  { replace = false, keepDays }: AddOptions = {},
): Promise<Added> {
  const checked: CheckedTarget[] = [];
  for (const file of files) checked.push(await checkTarget(file));
  requireDifferentPaths(checked);
  return inRepository(publisher, async (session) => {
    const state = await readState(session.folder);
    const { targets } = state.targets.metadata.signed;
    const isThere = ({ target, sha256 }: CheckedTarget) => targets[target.path]?.hashes.sha256 === sha256;
    const fresh = checked.filter((one) => !isThere(one));
    for (const { target } of fresh) {
      if (replace || targets[target.path] === undefined) continue;
      throw new PublishError(
        `cannot publish ${target.path}: it is published already, with other bytes`,
        'give a new version; --replace replaces it, also for machines that have it already',
      );
    }
    const next = { ...targets, ...Object.fromEntries(fresh.map(({ target }) => [target.path, target])) };
    requireReadable(next);
    // Also files that are listed already: so a file that was damaged or lost is repaired.
    for (const one of checked) await placeTarget(session, one);
    if (fresh.length > 0) {
      const also = await pendingRoots(session.folder, state.root);
      await publishChain(
        session,
        await signChain(session, state, { targets: next, must: [state.root.metadata.signed], also }),
      );
    }
    await removeOld(session, keepDays);
    return {
      added: fresh.map(({ target }) => ({ path: target.path, bytes: target.length })),
      unchanged: checked.filter(isThere).map(({ target }) => target.path),
    };
  });
}

async function placeTarget({ folder, step }: Session, { target, sha256, bytes }: CheckedTarget): Promise<void> {
  const file = targetFile(folder, target.path, sha256);
  if (existsSync(file) && bytes.equals(await readFile(file))) return;
  await makeFolder(dirname(file), 0o755);
  await removeLeftovers(dirname(file));
  await writeAtomically(file, bytes, { mode: 0o644 });
  await step('target-placed');
}

/** An agent reads no more files, so that a server cannot keep it busy. */
function requireReadable(targets: Readonly<Record<string, unknown>>): void {
  const count = Object.keys(targets).length;
  if (count <= METADATA_LIMITS.members) return;
  throw new PublishError(
    `cannot publish ${count} files: an agent reads at most ${METADATA_LIMITS.members} of one repository`,
    'withdraw files that no machine needs any more',
  );
}

function requireDifferentPaths(checked: readonly CheckedTarget[]): void {
  const seen = new Set<string>();
  for (const { target } of checked) {
    if (seen.has(target.path)) {
      throw new PublishError(
        `cannot publish two files as ${target.path}`,
        'give one of them, or each its path with --as',
      );
    }
    seen.add(target.path);
  }
}
