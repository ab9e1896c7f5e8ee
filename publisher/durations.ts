/** How long things are valid or kept, as people write it: 365d, 12h. */
import { PublishError } from './errors.ts';

const DURATION = /^([1-9]\d{0,4})([dh])$/;
const UNIT_MS = { h: 3_600_000, d: 86_400_000 };

export function isDuration(text: string): boolean {
  return DURATION.test(text);
}

/** Milliseconds. Throws for a text that is not a duration; `what` names it in the sentence. */
export function durationMs(text: string, what: string): number {
  const [, count, unit] = DURATION.exec(text) ?? [];
  if (count === undefined) {
    throw new PublishError(
      `cannot use ${JSON.stringify(text)} for ${what}`,
      'write days or hours, for example 90d or 12h',
    );
  }
  return Number(count) * UNIT_MS[unit as 'd' | 'h'];
}

/** As TUF writes a time: UTC, whole seconds. */
export function timestampText(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}
