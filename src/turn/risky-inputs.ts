/**
 * An input from outside (a configuration or a package) may crash the agent, again at each start. So the agent writes a
 * note before it reads such an input. A crash leaves the note; after the second crash the input is skipped and
 * reported, and all other work goes on. The notes are in /run, since a reboot or a power cut is not caused by an input:
 * the unit's MemoryMax kills the agent before the machine runs out of memory.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { AgentError } from '../base/errors.ts';
import type { Paths } from '../base/paths.ts';
import type { Clock } from '../host/clock.ts';
import { makeFolder, readText, removeFile, writeAtomically } from '../host/files/files.ts';
import { parseJson } from '../host/json.ts';

/** One crash during an input may be chance, two are not. */
const MOST_DEATHS = 2;
/** Then the input is tried again: it may have been too much only for a busy machine. */
const PASSED_BY_MS = 24 * 3_600_000;
const MOST_NOTES = 10;

const Notes = z.record(
  z.string(),
  z.object({ what: z.string(), at: z.iso.datetime(), deaths: z.number().int().positive() }),
);
type Notes = z.infer<typeof Notes>;

export class RiskyInputs {
  readonly #run: string;
  readonly #clock: Clock;
  /** The inputs that this process is reading. */
  readonly #open = new Set<string>();

  constructor({ run }: Pick<Paths, 'run'>, clock: Clock) {
    this.#run = run;
    this.#clock = clock;
  }

  /**
   * Does `work` with a note on disk. `key` has a digest of the input, so that a changed input is tried. Rejects with
   * SMM513 if the agent has crashed twice at this input within a day, with any error of `work`, and with SMM52x when
   * the note cannot be written.
   */
  async at<T>(key: string, what: string, work: () => Promise<T>): Promise<T> {
    const notes = await this.#read();
    const noted = notes[key];
    const ageMs = noted === undefined ? 0 : this.#clock.now().getTime() - Date.parse(noted.at);
    const deaths = noted === undefined || ageMs >= PASSED_BY_MS ? 0 : noted.deaths;
    if (noted !== undefined && deaths >= MOST_DEATHS) throw passedBy(noted.what, noted.at);
    // If this process crashes now, the note counts the crash.
    notes[key] = { what, at: this.#clock.now().toISOString(), deaths: deaths + 1 };
    this.#open.add(key);
    await this.#write(notes);
    try {
      return await work();
    } finally {
      await this.#close(key);
    }
  }

  /** The process ends in order: no input is to blame. */
  async endInOrder(): Promise<void> {
    for (const key of [...this.#open]) await this.#close(key);
  }

  /** Forgets all crashes (smm-agent retry); returns a sentence for each input. */
  async clear(): Promise<string[]> {
    const notes = await this.#read();
    await this.#write({});
    return Object.values(notes).map(({ what, deaths }) => `${what}: the agent died ${deaths} times while it used this`);
  }

  get #file(): string {
    return join(this.#run, 'risky-inputs.json');
  }

  async #close(key: string): Promise<void> {
    if (!this.#open.delete(key)) return;
    const { [key]: _, ...others } = await this.#read();
    await this.#write(others);
  }

  /** A damaged file counts as no notes, which costs one try too many. Rejects with SMM520. */
  async #read(): Promise<Notes> {
    const notes = Notes.safeParse(parseJson((await readText(this.#file)) ?? '{}'));
    return notes.success ? notes.data : {};
  }

  async #write(notes: Notes): Promise<void> {
    const newest = Object.entries(notes)
      .toSorted(([, a], [, b]) => b.at.localeCompare(a.at))
      .slice(0, MOST_NOTES);
    if (newest.length === 0) return removeFile(this.#file);
    await makeFolder(this.#run, 0o755);
    await writeAtomically(this.#file, `${JSON.stringify(Object.fromEntries(newest), null, 2)}\n`, { mode: 0o644 });
  }
}

function passedBy(what: string, at: string): AgentError {
  return new AgentError(
    'SMM513',
    `cannot use ${what}: the agent died ${MOST_DEATHS} times while it used this, the last time at ${at}`,
    'journalctl -u smm-agent shows how the agent died; the agent tries again after a day, or at once if the input ' +
      'changes or you run smm-agent retry',
  );
}
