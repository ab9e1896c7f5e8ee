/**
 * Replaces Intl.DateTimeFormat in the bundled node-cron, which needs only the parts of the local time from it. The real
 * one loads ICU's calendars, locales and time zones into memory: 8 MB for a wait of a minute.
 */

interface Options {
  timeZone?: string | undefined;
}

const WEEKDAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'] as const;

export class LocalTimeFormat {
  readonly #timeZone: string | undefined;

  constructor(_locale: string, options: Options) {
    this.#timeZone = options.timeZone;
  }

  /** The parts as in Intl's format of en-US, without the literals between them. Only in local time. */
  formatToParts(date: Date): { type: string; value: string }[] {
    if (this.#timeZone !== undefined)
      throw new Error(`cannot format in ${this.#timeZone}: only the local time is known`);
    const parts = {
      weekday: WEEKDAYS[date.getDay()] ?? '',
      month: twoDigits(date.getMonth() + 1),
      day: twoDigits(date.getDate()),
      year: String(date.getFullYear()),
      hour: twoDigits(date.getHours()),
      minute: twoDigits(date.getMinutes()),
      second: twoDigits(date.getSeconds()),
      timeZoneName: offsetName(-date.getTimezoneOffset()),
    };
    return Object.entries(parts).map(([type, value]) => ({ type, value }));
  }
}

/** `GMT`, `GMT+2`, `GMT-3:30`. */
function offsetName(minutes: number): string {
  if (minutes === 0) return 'GMT';
  const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
  return `GMT${minutes < 0 ? '-' : '+'}${hours}${rest === 0 ? '' : `:${twoDigits(rest)}`}`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}
