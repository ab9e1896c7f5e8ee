/** The journal: every line that a process of a unit has written, and the messages of systemd about the unit. */

export interface Entry {
  at: Date;
  unit: string;
  /** The invocation of the start to which the process belongs; '' for messages of systemd. */
  invocation: string;
  text: string;
}

export interface Question {
  /** The lines of a unit; without a name, of all units. */
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

  /** The lines in the order in which they were written. */
  entries({ units, invocation }: Question): Entry[] {
    return this.#entries.filter(
      (entry) =>
        (units.length === 0 || units.includes(entry.unit)) &&
        (invocation === undefined || entry.invocation === invocation),
    );
  }
}
