/**
 * The JSON Patch that brings a report into an entry; empty when the entry has it already. Pure.
 * The lists in an entry's status are atomic, and others write them too (istiod its `Healthy`, without which the machine
 * gets no traffic). So the patch touches only the agent's own items, by index, under a `test` on the resourceVersion
 * that the indexes were read from.
 */
import type { JsonPatchOperation } from '../kubernetes/client.ts';
import {
  type ConditionValue,
  type EntryReport,
  type EntryStatus,
  OWN_CODES,
  OWN_CONDITIONS,
  type ValidationMessage,
  type WorkloadEntry,
} from './entry-report.ts';
import { conditionMessage, isTimestamp } from './report-limits.ts';

type Condition = NonNullable<EntryStatus['conditions']>[number];
type Message = NonNullable<EntryStatus['validationMessages']>[number];

/** The operations, beginning with the `test`; empty when nothing is to be written. `now` is the wall clock. */
export function entryPatch(entry: WorkloadEntry, report: EntryReport, now: Date): JsonPatchOperation[] {
  const { status } = entry;
  const changes = [
    ...conditionChanges(status?.conditions ?? null, report, now),
    ...messageChanges(status?.validationMessages ?? null, report.messages),
  ];
  if (changes.length === 0) return [];
  const guard: JsonPatchOperation[] = [
    { op: 'test', path: '/metadata/resourceVersion', value: entry.metadata.resourceVersion },
  ];
  if (!status) guard.push({ op: 'add', path: '/status', value: {} });
  return [...guard, ...changes];
}

/** Whether the agent's messages are missing, although its conditions are as it wrote them. */
export function lacksOnlyMessages(entry: WorkloadEntry, report: EntryReport): boolean {
  const { status } = entry;
  if (conditionChanges(status?.conditions ?? null, report, new Date(0)).length > 0) return false;
  return report.messages.length > 0 && !(status?.validationMessages ?? []).some(isOwnMessage);
}

function conditionChanges(current: readonly Condition[] | null, report: EntryReport, now: Date): JsonPatchOperation[] {
  const path = '/status/conditions';
  const wanted = [
    { type: OWN_CONDITIONS.pending, ...bounded(report.pending) },
    { type: OWN_CONDITIONS.agent, ...bounded(report.agent) },
  ];
  const changes: JsonPatchOperation[] = [];
  const added: object[] = [];
  const surplus: number[] = [];
  for (const condition of wanted) {
    const [first, ...more] = indexesOf(current ?? [], ({ type }) => type === condition.type);
    surplus.push(...more);
    const old = first === undefined ? undefined : current?.[first];
    if (first === undefined || old === undefined) added.push(written(condition, undefined, now));
    else if (!says(old, condition))
      changes.push({ op: 'replace', path: `${path}/${first}`, value: written(condition, old, now) });
  }
  changes.push(...removals(path, surplus), ...additions(path, added, current !== null));
  return changes;
}

function bounded(condition: ConditionValue): ConditionValue {
  return { ...condition, message: conditionMessage(condition.message) };
}

/**
 * `lastTransitionTime` says since when the status has its value: it stays when only the words change. A time that
 * another client wrote in another form is not kept: the admission policy would refuse each report that repeats it.
 */
function written(condition: ConditionValue & { type: string }, old: Condition | undefined, now: Date): object {
  const { type, status, reason, message } = condition;
  const since =
    old?.status === status && typeof old.lastTransitionTime === 'string' && isTimestamp(old.lastTransitionTime)
      ? old.lastTransitionTime
      : timestamp(now);
  return { type, status, reason, message, lastTransitionTime: since };
}

function says(condition: Condition, { status, reason, message }: ConditionValue): boolean {
  const isSame = condition.status === status && condition.reason === reason && condition.message === message;
  return isSame && hasOwnForm(condition);
}

const OWN_FIELDS = ['type', 'status', 'reason', 'message', 'lastTransitionTime'];

/**
 * Whether the condition has only fields that the agent writes:
 * while it has others, the admission policy refuses each report.
 */
function hasOwnForm(condition: Condition): boolean {
  const { lastTransitionTime } = condition;
  if (typeof lastTransitionTime === 'string' && !isTimestamp(lastTransitionTime)) return false;
  return Object.keys(condition).every((field) => OWN_FIELDS.includes(field));
}

function messageChanges(
  current: readonly Message[] | null,
  wanted: readonly ValidationMessage[],
): JsonPatchOperation[] {
  const path = '/status/validationMessages';
  const missing = [...wanted];
  const surplus: number[] = [];
  for (const index of indexesOf(current ?? [], isOwnMessage)) {
    const same = missing.findIndex((message) => isSame(message, current?.[index]));
    if (same === -1) surplus.push(index);
    else missing.splice(same, 1);
  }
  return [...removals(path, surplus), ...additions(path, missing, current !== null)];
}

function isOwnMessage(message: Message): boolean {
  return message.type.code.startsWith(OWN_CODES);
}

function isSame(wanted: ValidationMessage, current: Message | undefined): boolean {
  if (current === undefined) return false;
  const { type, level, documentationUrl } = current;
  return (
    type.name === wanted.type.name &&
    type.code === wanted.type.code &&
    level === wanted.level &&
    documentationUrl === wanted.documentationUrl
  );
}

/** From the highest index down: each removal moves the items after it. */
function removals(path: string, indexes: readonly number[]): JsonPatchOperation[] {
  return [...indexes].sort((a, b) => b - a).map((index) => ({ op: 'remove', path: `${path}/${index}` }));
}

function additions(path: string, items: readonly object[], listExists: boolean): JsonPatchOperation[] {
  if (items.length === 0) return [];
  if (!listExists) return [{ op: 'add', path, value: items }];
  return items.map((value) => ({ op: 'add', path: `${path}/-`, value }));
}

function indexesOf<T>(list: readonly T[], matches: (item: T) => boolean): number[] {
  return list.flatMap((item, index) => (matches(item) ? [index] : []));
}

/** As Kubernetes writes times: whole seconds, UTC. */
function timestamp(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}
