/** Runs the commands of a unit in its environment, and knows every process that came of them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { after } from './after.ts';
import { isClean, resultOf } from './ends.ts';
import { type End, isMember, launch, membersOf, type Running, signalAll, terminate } from './processes.ts';
import type { Surroundings } from './surroundings.ts';
import { type Facts, toldToControl } from './told.ts';
import { readEnvironmentFiles, toEnvironment } from './units/environment.ts';
import type { ExecLine } from './units/exec-line.ts';
import type { ServiceSettings } from './units/settings.ts';
import { expandVariables } from './units/words.ts';

/** The lists of commands that a unit has beside its main process. */
export type CommandList = 'execStartPre' | 'execReload' | 'execStopPost';

export class UnitCommands {
  readonly #unit: string;
  readonly #around: Surroundings;
  readonly #sessions = new Set<number>();
  /** The command that runs now, beside the main process. */
  #running: Running | null = null;

  constructor(unit: string, around: Surroundings) {
    this.#unit = unit;
    this.#around = around;
  }

  /** Every process of the unit that lives, whatever its parent. */
  pids(): number[] {
    return membersOf(this.#sessions);
  }

  /** Whether a process that lives is one of the unit's. */
  owns(pid: number): boolean {
    return isMember(pid, this.#sessions);
  }

  /** Starts a command; `extra` wins over the unit's own environment. */
  launch(line: ExecLine, settings: ServiceSettings, extra: Record<string, string>): Running {
    const { root, baseEnvironment } = this.#around;
    const own = { ...toEnvironment(settings.environment), ...readEnvironmentFiles(settings.environmentFiles) };
    const environment = { ...baseEnvironment, ...own, ...extra };
    const [name, ...args] = expandVariables(line.argv, environment);
    const running = launch({
      path: line.path,
      argv: [name ?? line.path, ...args],
      environment,
      folder: root,
      onLine: (text) => this.#around.journal(this.#unit, text, environment.INVOCATION_ID),
    });
    if (running.pid !== null) this.#sessions.add(running.pid);
    return running;
  }

  /**
   * One command after the other, while they are wanted, until one fails that may not; resolves with its result, null when none
   * did. What is known is asked anew for each of them.
   */
  async runAll(list: CommandList, facts: () => Facts, isWanted: () => boolean): Promise<string | null> {
    for (let index = 0; isWanted(); index++) {
      const known = facts();
      const line = known.settings[list][index];
      if (line === undefined) return null;
      const deadlineMs = list === 'execStopPost' ? known.settings.timeoutStopMs : known.settings.timeoutStartMs;
      const { end, isLate } = await this.#control(this.launch(line, known.settings, toldToControl(known)), {
        deadlineMs,
        graceMs: known.settings.timeoutStopMs,
      });
      // Not even `-` forgives a command that takes too long: those after it are left out.
      if (isLate) return 'timeout';
      if (!line.ignoresFailure && !isClean(end)) return resultOf(end);
    }
    return null;
  }

  /** Ends the command that runs now, if there is one. */
  cancelControl(): void {
    if (this.#running?.pid != null) signalAll([this.#running.pid], 'SIGTERM');
  }

  /** Ends whatever is left, at once. */
  killAll(): void {
    signalAll(this.pids(), 'SIGKILL');
  }

  /** As `killAll`; resolves when the kernel has ended them, as an empty cgroup tells systemd. */
  async endAll(): Promise<void> {
    while (this.pids().length > 0) {
      this.killAll();
      await sleep(5);
    }
  }

  /** Nothing runs any more. The kernel uses ids again: a session that has ended must not be looked for for ever. */
  forgetAll(): void {
    this.#sessions.clear();
  }

  /** Waits for the end of a command, which is SIGTERM after `deadlineMs`, and SIGKILL after `graceMs` more. */
  async #control(
    running: Running,
    { deadlineMs, graceMs }: { deadlineMs: number; graceMs: number },
  ): Promise<{ end: End; isLate: boolean }> {
    this.#running = running;
    const members = () => (running.pid === null ? [] : membersOf(new Set([running.pid])));
    let isLate = false;
    let callOff = after(deadlineMs, () => {
      isLate = true;
      terminate(members(), 'SIGTERM');
      callOff = after(graceMs, () => signalAll(members(), 'SIGKILL'));
    });
    const end = await running.ended;
    callOff();
    this.#running = null;
    this.#forgetEnded(running.pid);
    return { end, isLate };
  }

  #forgetEnded(session: number | null): void {
    if (session !== null && membersOf(new Set([session])).length === 0) this.#sessions.delete(session);
  }
}
