/**
 * Transient timers (`systemd-run --on-active=`). They belong to the manager, so they outlive the program that has set
 * them.
 */
import { randomBytes } from 'node:crypto';
import { after } from './after.ts';
import { launch, membersOf, signalAll } from './processes.ts';
import type { Surroundings } from './surroundings.ts';
import { mapProgram, mapText } from './units/below-root.ts';

export interface TransientOptions {
  unit: string;
  delayMs: number;
  argv: [string, ...string[]];
  environment: Record<string, string>;
}

export class TransientUnits {
  readonly #around: Surroundings;
  readonly #timers = new Map<string, () => void>();
  readonly #sessions = new Set<number>();

  constructor(around: Surroundings) {
    this.#around = around;
  }

  /** The names of the timers that still wait, without suffix. */
  names(): string[] {
    return [...this.#timers.keys()];
  }

  /** Throws if a timer with this name waits already. */
  schedule({ unit, delayMs, argv, environment }: TransientOptions): void {
    if (this.#timers.has(unit)) throw new Error(`Unit ${unit}.timer was already loaded or has a fragment file.`);
    const callOff = after(this.#around.delayMs(delayMs), () => {
      this.#timers.delete(unit);
      this.#run(unit, argv, environment);
    });
    this.#timers.set(unit, callOff);
  }

  /** Cancels a timer. Returns whether there was one. */
  cancel(unit: string): boolean {
    this.#timers.get(unit)?.();
    return this.#timers.delete(unit);
  }

  destroy(): void {
    for (const unit of this.names()) this.cancel(unit);
    signalAll(membersOf(this.#sessions), 'SIGKILL');
  }

  #run(unit: string, [program, ...args]: [string, ...string[]], environment: Record<string, string>): void {
    const { root, baseEnvironment } = this.#around;
    const invocation = randomBytes(16).toString('hex');
    const { pid, ended } = launch({
      path: mapProgram(root, program),
      argv: [program, ...args.map((argument) => mapText(root, argument))],
      environment: { ...baseEnvironment, INVOCATION_ID: invocation, ...environment },
      folder: root,
      onLine: (line) => this.#around.journal(`${unit}.service`, line, invocation),
    });
    if (pid === null) return;
    this.#sessions.add(pid);
    void ended.then(() => this.#sessions.delete(pid));
  }
}
