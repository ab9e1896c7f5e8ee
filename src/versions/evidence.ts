/** The last lines of a version that failed, which are kept. systemd/bin/agent-put-back writes the same files. */
import { join } from 'node:path';
import type { Paths } from '../base/paths.ts';
import { makeFolder, readText, writeAtomically } from '../host/files/files.ts';

const MOST_CHARS = 8000;

/** null if nothing was kept. */
export async function readEvidence({ agentState }: Pick<Paths, 'agentState'>, version: string): Promise<string | null> {
  const text = await readText(join(agentState, 'evidence', version));
  return text === null || text.trim() === '' ? null : text.trimEnd().slice(-MOST_CHARS);
}

export async function keepEvidence(
  { agentState }: Pick<Paths, 'agentState'>,
  version: string,
  text: string,
): Promise<void> {
  await makeFolder(join(agentState, 'evidence'), 0o755);
  await writeAtomically(join(agentState, 'evidence', version), text, { mode: 0o644 });
}
