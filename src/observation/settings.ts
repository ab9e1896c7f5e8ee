/** The operator's settings: agent.yaml as it was read, and as it is on disk now. */
import { readFile, stat } from 'node:fs/promises';
import type { Paths } from '../base/paths.ts';
import { isEmergencyHeld } from '../config/emergency-hold.ts';
import { configDigest, MAX_CONFIG_BYTES } from '../config/load.ts';
import { hasCode } from '../host/files/file-errors.ts';

/** The configuration in effect, also in status.json; `readAt` is ISO 8601. */
export interface ConfigInEffect {
  file: string;
  /** SHA-256 of the file that was read; null if there was no file. */
  digest: string | null;
  readAt: string;
  /** The file that a reload has refused for its errors; null if there is none. */
  refused: { digest: string | null; problem: string } | null;
}

/**
 * A sentence if the file differs from the configuration in effect; null if it does not, or if this user may not read
 * it. Reads the file each time: an operator who has edited it believes that the edit is in effect.
 */
export async function configChange({ file, digest, readAt, refused }: ConfigInEffect): Promise<string | null> {
  const now = await lookAt(file);
  if (now === null) return null;
  if (refused !== null && refused.digest === now.digest) {
    return (
      `${file} has errors, and the configuration that was read at ${readAt} stays in effect: ${refused.problem}; ` +
      'once corrected: systemctl reload smm-agent'
    );
  }
  if (digest === now.digest) return null;
  const what = now.changedAt === null ? 'cannot be read any more' : `was changed at ${now.changedAt.toISOString()}`;
  return `${file} ${what} and is not in effect: systemctl reload smm-agent`;
}

async function lookAt(file: string): Promise<{ digest: string | null; changedAt: Date | null } | null> {
  try {
    const { size, mtime } = await stat(file);
    return { digest: size > MAX_CONFIG_BYTES ? null : configDigest(await readFile(file)), changedAt: mtime };
  } catch (error) {
    if (hasCode(error, 'EACCES')) return null;
    // The file is missing, or is a folder: a reload reports that.
    return { digest: null, changedAt: null };
  }
}

/** The settings for an observation. */
export async function observeSettings(config: ConfigInEffect, paths: Pick<Paths, 'emergencyHold'>): Promise<Settings> {
  const change = await configChange(config);
  return { config, warnings: [...(change === null ? [] : [change]), ...(await emergencyHold(config, paths))] };
}

/** A sentence if the machine is held by a file beside agent.yaml, otherwise none. */
export async function emergencyHold(
  { file }: Pick<ConfigInEffect, 'file'>,
  paths: Pick<Paths, 'emergencyHold'>,
): Promise<string[]> {
  if (!(await isEmergencyHeld(paths))) return [];
  return [`this machine is held by ${paths.emergencyHold}, since ${file} could not be used: smm-agent unhold ends it`];
}

export interface Settings {
  config: ConfigInEffect;
  /** Sentences about edits that are not in effect, and about an emergency hold. */
  warnings: string[];
}
