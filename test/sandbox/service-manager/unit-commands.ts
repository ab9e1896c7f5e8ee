/** Runs the commands of a unit in its environment, and keeps track of all their processes. */
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

/** The lists of commands of a unit, without its main process. */
export type CommandList = 'execStartPre' | 'execReload' | 'execStopPost';

export class UnitCommands {
  readonly #unit: string;
  readonly #around: Surroundings;
  readonly #sessions = new Set<number>();
  /** The command that runs now, not the main process. */
  #running: Running | null = null;

  constructor(unit: string, around: Surroundings) {
    this.#unit = unit;
    this.#around = around;
  }

  /** All living processes of the unit, with any parent. */
  pids(): number[] {
    return membersOf(this.#sessions);
  }

  /** Whether a living process belongs to the unit. */
  owns(pid: number): boolean {
    return isMember(pid, this.#sessions);
  }

  /** Starts a command. `extra` has precedence over the environment of the unit. */
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
   * Runs the commands one after the other, while they are wanted, until one fails whose failure is not ignored.
   * Resolves with its result; null if there is none. The environment is computed again for each command.
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
      // A command that takes too long is a failure even with `-`: the commands after it are skipped.
      if (isLate) return 'timeout';
      if (!line.ignoresFailure && !isClean(end)) return resultOf(end);
    }
    return null;
  }

  /** Ends the command that runs now, if there is one. */
  cancelControl(): void {
    if (this.#running?.pid != null) signalAll([this.#running.pid], 'SIGTERM');
  }

  /** Kills all processes of the unit. */
  killAll(): void {
    signalAll(this.pids(), 'SIGKILL');
  }

  /** Like `killAll`. Resolves when the kernel has ended them, which an empty cgroup tells systemd. */
  async endAll(): Promise<void> {
    while (this.pids().length > 0) {
      this.killAll();
      await sleep(5);
    }
  }

  /** Forgets the sessions, because no process runs any more, and the kernel can use their ids again. */
  forgetAll(): void {
    this.#sessions.clear();
  }

  /** Waits for the end of a command. Sends SIGTERM after `deadlineMs`, and SIGKILL `graceMs` later. */
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
