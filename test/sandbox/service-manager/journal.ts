/** What journald keeps: every line that a process of a unit wrote, and what systemd itself said of the unit. */

export interface Entry {
  at: Date;
  unit: string;
  /** Of the unit's start that the process belongs to; '' for what systemd says itself. */
  invocation: string;
  text: string;
}

export interface Question {
  /** No name means all units. */
  units: readonly string[];
  invocation?: string;
}

export class Journal {
  readonly #entries: Entry[] = [];
  readonly #onLine: (unit: string, line: string) => void;

  constructor(onLine: (unit: string, line: string) => void) {
    this.#onLine = onLine;
  }

  write(unit: string, text: string, invocation = ''): void {
    this.#entries.push({ at: new Date(), unit, invocation, text });
    this.#onLine(unit, text);
  }

  /** In the order in which they were written. */
  entries({ units, invocation }: Question): Entry[] {
    return this.#entries.filter(
      (entry) =>
        (units.length === 0 || units.includes(entry.unit)) &&
        (invocation === undefined || entry.invocation === invocation),
    );
  }
}
