/** Runs the commands of a unit in its environment, and knows every process that came of them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { readEnvironmentFiles, toEnvironment } from './environment.ts';
import type { ExecLine } from './exec-line.ts';
import { type End, launch, membersOf, type Running, signalAll } from './processes.ts';
import type { ServiceSettings } from './settings.ts';
import type { Surroundings } from './surroundings.ts';
import { expandVariables } from './words.ts';

export class UnitCommands {
  readonly #unit: string;
  readonly #around: Surroundings;
  readonly #sessions = new Set<number>();
  #control: Running | null = null;

  constructor(unit: string, around: Surroundings) {
    this.#unit = unit;
    this.#around = around;
  }

  /** Every process of the unit that lives, whatever its parent. */
  pids(): number[] {
    return membersOf(this.#sessions);
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
      onLine: (text) => this.#around.journal(this.#unit, text),
    });
    if (running.pid !== null) this.#sessions.add(running.pid);
    return running;
  }

  /** Runs a command to its end; `onTimeout` is called before it is killed. */
  async control(
    line: ExecLine,
    settings: ServiceSettings,
    extra: Record<string, string>,
    limit: { ms: number; onTimeout(): void },
  ): Promise<End> {
    const running = this.launch(line, settings, extra);
    this.#control = running;
    const deadline = setTimeout(() => {
      limit.onTimeout();
      if (running.pid !== null) signalAll(membersOf(new Set([running.pid])), 'SIGKILL');
    }, limit.ms);
    const end = await running.ended;
    clearTimeout(deadline);
    this.#control = null;
    this.#forgetEnded(running.pid);
    return end;
  }

  /** Ends the command that runs now, if there is one. */
  cancelControl(): void {
    if (this.#control?.pid != null) signalAll([this.#control.pid], 'SIGTERM');
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

  #forgetEnded(session: number | null): void {
    if (session !== null && membersOf(new Set([session])).length === 0) this.#sessions.delete(session);
  }
}
