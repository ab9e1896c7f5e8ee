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

/** What is checked is what tells this file from another's; the rest was written by this program. */
const Written = z.looseObject({ format: z.literal(1), agent: z.looseObject({ pid: z.number() }) });

/** null when no agent has written one since the machine was booted. Rejects with SMM511 when it is not ours. */
export async function readStatus(paths: Paths): Promise<Status | null> {
  const text = await readText(paths.statusFile);
  if (text === null) return null;
  try {
    return Written.parse(JSON.parse(text)) as unknown as Status;
  } catch (cause) {
    const remedy = 'restart smm-agent, which writes it anew';
    throw new AgentError('SMM511', `cannot understand ${paths.statusFile}`, remedy, { cause });
  }
}
