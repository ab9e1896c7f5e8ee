/**
 * The sizes and forms that the admission policy (packaging/kubernetes/policy.yaml) allows an agent. The agent stays far
 * below its limits: an older or newer policy may be in force.
 */

/** The policy allows 8192. */
const MOST_MESSAGE_CHARS = 4000;
/** The policy allows 1024. */
const MOST_ANNOTATION_CHARS = 256;
const CUT_MESSAGE = ' ... (cut off; "smm-agent status" on the machine has all of it)';
const CUT = '...';

/** `text` as the message of a condition, at most 4000 UTF-16 units long. */
export function conditionMessage(text: string): string {
  return shortened(text, MOST_MESSAGE_CHARS, CUT_MESSAGE);
}

/** `text` as the value of an annotation, at most 256 UTF-16 units long. */
export function annotationValue(text: string): string {
  return shortened(text, MOST_ANNOTATION_CHARS, CUT);
}

/** Whether Kubernetes, Go's protobuf and the policy all read this as a time: whole seconds, UTC, of this century. */
export function isTimestamp(text: string): boolean {
  if (!/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(text)) return false;
  const date = new Date(text);
  // Date turns a day that does not exist, for example February 30th, into another one.
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text.slice(0, 19));
}

function shortened(text: string, most: number, mark: string): string {
  if (text.length <= most) return text;
  const kept = text.slice(0, most - mark.length);
  // Half of a surrogate pair is not a character.
  return `${/[\uD800-\uDBFF]$/.test(kept) ? kept.slice(0, -1) : kept}${mark}`;
}
