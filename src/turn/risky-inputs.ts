/**
 * What the agent is at is noted before an input is read that could be its end: a configuration or a package that comes from elsewhere.
 * A process that dies there leaves the note; after the second time the input is passed by and reported, and everything else goes on.
 * The notes lie in /run: the unit's MemoryMax has the agent die before the machine does, and a reboot or a power cut is no input's fault.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { AgentError } from '../base/errors.ts';
import type { Paths } from '../base/paths.ts';
import type { Clock } from '../host/clock.ts';
import { makeFolder, readText, removeFile, writeAtomically } from '../host/files/files.ts';
import { parseJson } from '../host/json.ts';

/** An agent can be killed once at any place; twice at the same one is no chance. */
const MOST_DEATHS = 2;
/** What was too much for a busy machine may be none on another day. */
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
  /** What this process is at. */
  readonly #open = new Set<string>();

  constructor({ run }: Pick<Paths, 'run'>, clock: Clock) {
    this.#run = run;
    this.#clock = clock;
  }

  /**
   * Does `work` with a note on disk. `key` names the input by its content: another one is tried. Rejects with SMM513 where the agent has
   * died twice at this one within a day, with what `work` rejects with, and with SMM52x when the note cannot be written.
   */
  async at<T>(key: string, what: string, work: () => Promise<T>): Promise<T> {
    const notes = await this.#read();
    const noted = notes[key];
    const ageMs = noted === undefined ? 0 : this.#clock.now().getTime() - Date.parse(noted.at);
    const deaths = noted === undefined || ageMs >= PASSED_BY_MS ? 0 : noted.deaths;
    if (noted !== undefined && deaths >= MOST_DEATHS) throw passedBy(noted.what, noted.at);
    // If this process dies now, that is one more.
    notes[key] = { what, at: this.#clock.now().toISOString(), deaths: deaths + 1 };
    this.#open.add(key);
    await this.#write(notes);
    try {
      return await work();
    } finally {
      await this.#close(key);
    }
  }

  /** The process ends because somebody wants it to: that is nobody's fault. */
  async endInOrder(): Promise<void> {
    for (const key of [...this.#open]) await this.#close(key);
  }

  /** Forgets every death (smm-agent retry); returns the inputs, in words. */
  async clear(): Promise<string[]> {
    const notes = await this.#read();
    await this.#write({});
    return Object.values(notes).map(({ what, deaths }) => `${what}: the agent has died ${deaths} times at it`);
  }

  get #file(): string {
    return join(this.#run, 'risky-inputs.json');
  }

  async #close(key: string): Promise<void> {
    if (!this.#open.delete(key)) return;
    const { [key]: _, ...others } = await this.#read();
    await this.#write(others);
  }

  /** A damaged file costs one try too many. Rejects with SMM520. */
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
    `cannot go on with ${what}: the agent has died ${MOST_DEATHS} times at it, the last time at ${at}`,
    'it is tried again after a day, at once by smm-agent retry, and another one at once; journalctl -u smm-agent says how the agent ended',
  );
}
