/**
 * The probation of a new version: written before the switch, by the process that switches; renewed by
 * systemd/bin/agent-guard at each start; gone once the version has confirmed itself, or was rolled back. The scripts
 * and this file share its fields: change both.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Paths } from '../base/paths.ts';
import { formatFields, parseFields } from '../host/fields.ts';
import { makeFolder, readText, removeFile, writeAtomically } from '../host/files/files.ts';
import { VERSION_NAME } from './version.ts';

/**
 * Seconds. Longer than TimeoutStartSec, and short enough for a bad
 * version to be gone within two minutes, the comparison included.
 */
const SPAN_S = 50;

export interface Probation {
  /** Tells this try from every other try of the same version. */
  id: string;
  from: string;
  to: string;
  /** The version before `from`; null when there was none. */
  previous: string | null;
  /** The time of the switch. */
  begun: string;
  /**
   * Seconds since the boot by the scripts' /proc/uptime, 0 before the guard has begun a trial. For the scripts only: in
   * a container the agent's unit can have another /proc, and with it another clock.
   */
  deadline: number;
  /** How often its time was extended, because the version was not at fault. */
  extended: number;
}

export function newProbation(about: Pick<Probation, 'from' | 'to' | 'previous'>, now: Date): Probation {
  return { ...about, id: randomBytes(4).toString('hex'), begun: now.toISOString(), deadline: 0, extended: 0 };
}

/**
 * null when no version is on probation. A file that names no
 * version counts as none: the guard removes it at the next start.
 */
export async function readProbation({ probation }: Pick<Paths, 'probation'>): Promise<Probation | null> {
  const text = await readText(probation);
  if (text === null) return null;
  const fields = parseFields(text);
  const version = (key: string) => (VERSION_NAME.test(fields.get(key) ?? '') ? (fields.get(key) ?? null) : null);
  const [from, to] = [version('from'), version('to')];
  if (from === null || to === null) return null;
  return {
    id: fields.get('id') ?? '',
    from,
    to,
    previous: version('previous'),
    begun: fields.get('begun') ?? '',
    deadline: Number(fields.get('deadline') ?? 0) || 0,
    extended: Number(fields.get('extended') ?? 0) || 0,
  };
}

/** On disk when it returns. */
export async function writeProbation(
  { probation, agentState }: Pick<Paths, 'probation' | 'agentState'>,
  { previous, ...given }: Probation,
  bootId: string,
): Promise<void> {
  const guards = { boot: bootId, span: SPAN_S, power_cuts: 0, ended: 'no' };
  // Made now, so that the guard can reject the version in it also when the disk has no room for a folder any more.
  await makeFolder(join(agentState, 'rejected'), 0o755);
  const fields = Object.entries({ ...given, previous: previous ?? '', ...guards });
  await writeAtomically(probation, formatFields(fields), { mode: 0o644 });
}

export async function endProbation({ probation }: Pick<Paths, 'probation'>): Promise<void> {
  await removeFile(probation);
}

/**
 * What keeps a version on probation from confirming itself. If an answer of the control plane, or a valid
 * configuration, is missing, agent-deadline asks the previous version. A lock that another process holds is the fault
 * of neither: agent-deadline extends the time.
 */
export type Lack = 'control-plane' | 'configuration' | 'lock';

/** For agent-deadline, after each turn that did not confirm; `invocation` is $INVOCATION_ID of this start. */
export async function noteTurn(
  { run, turnRecord }: Pick<Paths, 'run' | 'turnRecord'>,
  lacks: Lack,
  invocation: string,
): Promise<void> {
  await makeFolder(run, 0o755);
  await writeAtomically(
    turnRecord,
    formatFields([
      ['invocation', invocation],
      ['lacks', lacks],
    ]),
    { mode: 0o644 },
  );
}
