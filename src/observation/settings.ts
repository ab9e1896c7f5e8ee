/** What the operator gives the agent: agent.yaml as it was read, and as it lies on disk now. */
import { readFile, stat } from 'node:fs/promises';
import type { Paths } from '../base/paths.ts';
import { isEmergencyHeld } from '../config/emergency-hold.ts';
import { configDigest, MAX_CONFIG_BYTES } from '../config/load.ts';
import { hasCode } from '../host/files/file-errors.ts';

/** The configuration that the agent works by; in status.json, where `readAt` is ISO 8601. */
export interface ConfigInEffect {
  file: string;
  /** SHA-256 of the file that was read; null where there was none. */
  digest: string | null;
  readAt: string;
  /** What was found in its place at a reload, and is not taken since it has errors; null in most cases. */
  refused: { digest: string | null; problem: string } | null;
}

/**
 * A sentence when the file is not what is in effect, null when it is, or when this user may not read it. The file is
 * looked at each time: whoever has edited it believes that it counts.
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
    // Gone, or a folder: a reload says what it is.
    return { digest: null, changedAt: null };
  }
}

/** As a turn sees it. */
export async function observeSettings(config: ConfigInEffect, paths: Pick<Paths, 'emergencyHold'>): Promise<Settings> {
  const change = await configChange(config);
  const held = (await isEmergencyHeld(paths))
    ? [
        `this machine is held by ${paths.emergencyHold}, since ${config.file} could not be edited: smm-agent unhold ends it`,
      ]
    : [];
  return { config, warnings: [...(change === null ? [] : [change]), ...held] };
}

export interface Settings {
  config: ConfigInEffect;
  /** Sentences about what is not in effect, or is about to end. */
  warnings: string[];
}
