/** /run/smm-agent/status.json: the last Status, for `smm-agent status` and for monitoring. */
import { z } from 'zod';
import { AgentError } from '../base/errors.ts';
import type { Paths } from '../base/paths.ts';
import { makeFolder, readText, writeAtomically } from '../host/files/files.ts';
import type { Status } from './status.ts';

export async function writeStatus(paths: Paths, status: Status): Promise<void> {
  await makeFolder(paths.run, 0o755);
  await writeAtomically(paths.statusFile, `${JSON.stringify(status, null, 2)}\n`, { mode: 0o644 });
}

/** Checks only that this is a status file; this program wrote the rest. */
const Written = z.looseObject({ format: z.literal(1), agent: z.looseObject({ pid: z.number() }) });

/** Null if no agent has written a status since the boot. Rejects with SMM511 if the file is not a status. */
export async function readStatus(paths: Paths): Promise<Status | null> {
  const text = await readText(paths.statusFile);
  if (text === null) return null;
  try {
    return Written.parse(JSON.parse(text)) as unknown as Status;
  } catch (cause) {
    const remedy = 'restart smm-agent, which writes the file again';
    throw new AgentError('SMM511', `cannot understand ${paths.statusFile}`, remedy, { cause });
  }
}
