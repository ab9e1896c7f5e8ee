/**
 * The one moment in which a kill could leave clients without a timestamp that they accept: a root removes a key that
 * cannot sign any more, so no timestamp is valid both before and after that root. The timestamp is prepared before the
 * root, and published here.
 */
import { existsSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { removeFile, syncFolder } from '../src/host/files/files.ts';
import { PublishError } from './errors.ts';
import { metadataFile, metadataFolder, preparedTimestampFile } from './layout.ts';
import { readState } from './state.ts';
import type { OnStep } from './steps.ts';

/** Whether there was something to complete. */
export async function completeRotation(folder: string, step: OnStep): Promise<boolean> {
  const prepared = preparedTimestampFile(folder);
  if (!existsSync(prepared)) return false;
  if (await isRightNow(folder, prepared)) {
    await publishPrepared(folder, step);
    return true;
  }
  // The kill came before the root: the command will prepare the timestamp again.
  await removeFile(prepared);
  return false;
}

async function isRightNow(folder: string, timestampFile: string): Promise<boolean> {
  try {
    await readState(folder, timestampFile);
    return true;
  } catch (error) {
    if (error instanceof PublishError) return false;
    throw error;
  }
}

/** Moves the prepared timestamp to the path at which clients look for it; returns when that is on disk. */
export async function publishPrepared(folder: string, step: OnStep): Promise<void> {
  await rename(preparedTimestampFile(folder), metadataFile(folder, 'timestamp', 0));
  await syncFolder(metadataFolder(folder));
  await step('timestamp-written');
}
