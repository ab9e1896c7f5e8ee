/**
 * One service as systemd runs it: ExecStartPre, the main process, ExecStopPost, and starting again by itself. Jobs are the
 * manager's; here is what a job, or the end of a process, sets in motion. One transition at a time.
 */
import { randomBytes } from 'node:crypto';
import type { UnitDefinition } from './definition.ts';
import { isClean, restartsAfter, resultOf, statusOf } from './ends.ts';
import { type End, type Running, signalAll } from './processes.ts';
import type { Surroundings } from './surroundings.ts';
import { UnitCommands } from './unit-commands.ts';

export type ActiveState = 'active' | 'inactive' | 'failed' | 'activating' | 'deactivating';

export class Service {
  /** Replaced by a daemon-reload; asked anew for each command, as systemd does: a reload during a stop counts. */
  definition: UnitDefinition;
  active: ActiveState = 'inactive';
  sub = 'dead';
  result = 'success';
  mainPid = 0;
  invocation = '';
  activeEnter: Date | null = null;
  activeExit: Date | null = null;
  inactiveEnter: Date | null = null;
  /** How often it started again by itself. */
  restarts = 0;
  readonly #around: Surroundings;
  readonly #commands: UnitCommands;
  #main: Running | null = null;
  #mainEnd: End | null = null;
  #starting: Promise<boolean> | null = null;
  #windingDown: Promise<void> | null = null;
  #restartTimer: NodeJS.Timeout | null = null;
  #stopWanted = false;
  #destroyed = false;

  constructor(definition: UnitDefinition, around: Surroundings) {
    this.definition = definition;
    this.#around = around;
    this.#commands = new UnitCommands(definition.name, around);
  }

  get name(): string {
    return this.definition.name;
  }

  pids(): number[] {
    return this.#commands.pids();
  }

  /** Resolves true when the main process runs, false when the start failed or was cancelled. */
  async start(): Promise<boolean> {
    await this.#windingDown;
    if (this.active === 'active') return true;
    this.#clearRestart();
    this.#starting ??= this.#start().finally(() => {
      this.#starting = null;
    });
    return this.#starting;
  }

  /** Resolves when nothing of the unit runs any more. Out of auto-restart no command is run. */
  async stop(): Promise<void> {
    this.#stopWanted = true;
    if (this.sub === 'auto-restart') {
      this.#clearRestart();
      this.#enter('inactive', 'dead');
    } else if (this.#starting !== null) {
      this.#commands.cancelControl();
      // Either it gave up, or it had just come to its main process.
      if (await this.#starting) await this.#windDownOnce();
    } else if (this.active === 'active' || this.active === 'deactivating') {
      await this.#windDownOnce();
    }
  }

  /** `systemctl kill`. */
  kill(signal: NodeJS.Signals, whom: 'main' | 'all'): void {
    signalAll(whom === 'all' ? this.pids() : this.mainPid === 0 ? [] : [this.mainPid], signal);
  }

  /** Ends everything at once and for good, without the unit's own commands: the machine is thrown away. */
  destroy(): void {
    this.#destroyed = true;
    this.#stopWanted = true;
    this.#clearRestart();
    this.#enter('inactive', 'dead');
    this.#commands.killAll();
  }

  resetFailed(): void {
    if (this.active !== 'failed') return;
    this.result = 'success';
    this.#enter('inactive', 'dead');
  }

  async #start(): Promise<boolean> {
    this.result = 'success';
    this.invocation = randomBytes(16).toString('hex');
    this.#mainEnd = null;
    this.#stopWanted = false;
    this.#enter('activating', 'start-pre');
    await this.#runAll('execStartPre', 'timeoutStartMs');
    if (!this.#stopWanted && this.result === 'success' && this.#startMain()) return true;
    await this.#windDownOnce();
    return false;
  }

  #startMain(): boolean {
    const [line] = this.definition.service.execStart;
    if (line === undefined) return false;
    const main = this.#commands.launch(line, this.definition.service, this.#told());
    this.#main = main;
    this.mainPid = main.pid ?? 0;
    this.#enter('active', 'running');
    void main.ended.then((end) => this.#mainEnded(end));
    return true;
  }

  #mainEnded(end: End): void {
    this.#main = null;
    this.#mainEnd = end;
    this.mainPid = 0;
    if (this.result === 'success') this.result = resultOf(end);
    // A stop that is under way waits for this end itself.
    if (this.active === 'active') void this.#windDownOnce();
  }

  #windDownOnce(): Promise<void> {
    this.#windingDown ??= this.#windDown().finally(() => {
      this.#windingDown = null;
    });
    return this.#windingDown;
  }

  /** Ends the main process, runs ExecStopPost, ends the rest, and decides what comes next. */
  async #windDown(): Promise<void> {
    this.#enter('deactivating', 'stop-sigterm');
    await this.#endMain();
    if (this.definition.service.killMode !== 'process') await this.#commands.endAll();
    this.sub = 'stop-post';
    await this.#runAll('execStopPost', 'timeoutStopMs');
    await this.#commands.endAll();
    this.#commands.forgetAll();
    if (this.result === 'success') this.#enter('inactive', 'dead');
    else this.#enter('failed', 'failed');
    if (!this.#stopWanted && restartsAfter(this.definition.service.restart, this.result)) this.#waitForRestart();
  }

  async #endMain(): Promise<void> {
    const main = this.#main;
    if (main === null || main.pid === null) return;
    const { killMode, timeoutStopMs } = this.definition.service;
    signalAll(killMode === 'control-group' ? this.pids() : [main.pid], 'SIGTERM');
    const deadline = setTimeout(() => {
      this.result = 'timeout';
      this.sub = 'stop-sigkill';
      this.#commands.killAll();
    }, this.#around.timerMs(timeoutStopMs));
    await main.ended;
    clearTimeout(deadline);
  }

  /** One command after the other, until one fails that may not. */
  async #runAll(list: 'execStartPre' | 'execStopPost', limit: 'timeoutStartMs' | 'timeoutStopMs'): Promise<void> {
    for (let index = 0; ; index++) {
      const { service } = this.definition;
      const line = service[list][index];
      if (line === undefined || this.#destroyed || (list === 'execStartPre' && this.#stopWanted)) return;
      const end = await this.#commands.control(line, service, this.#told(), {
        ms: this.#around.timerMs(service[limit]),
        onTimeout: () => {
          if (!line.ignoresFailure) this.result = 'timeout';
        },
      });
      if (line.ignoresFailure || isClean(end)) continue;
      if (this.result === 'success') this.result = resultOf(end);
      return;
    }
  }

  /** EXIT_CODE is missing when the main process was never run. */
  #told(): Record<string, string> {
    const end = this.#mainEnd;
    return {
      INVOCATION_ID: this.invocation,
      ...(this.active === 'deactivating' ? { SERVICE_RESULT: this.result } : {}),
      ...(end === null ? {} : { EXIT_CODE: end.code, EXIT_STATUS: statusOf(end) }),
      ...(this.mainPid === 0 ? {} : { MAINPID: String(this.mainPid) }),
    };
  }

  #waitForRestart(): void {
    this.#enter('activating', 'auto-restart');
    this.#restartTimer = setTimeout(() => {
      this.restarts++;
      this.#around.onAutoRestart(this.name);
    }, this.#around.timerMs(this.definition.service.restartMs));
  }

  #clearRestart(): void {
    if (this.#restartTimer !== null) clearTimeout(this.#restartTimer);
    this.#restartTimer = null;
  }

  #enter(active: ActiveState, sub: string): void {
    if (active === 'active') this.activeEnter = new Date();
    if (this.active === 'active' && active !== 'active') this.activeExit = new Date();
    if (active === 'inactive' || active === 'failed') this.inactiveEnter = new Date();
    this.active = active;
    this.sub = sub;
  }
}
