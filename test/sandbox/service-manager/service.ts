/**
 * A service as systemd runs it: ExecStartPre, the main process, ExecReload, ExecStopPost, and automatic restarts. The
 * manager has the jobs. This file has what follows from a job, a message or the end of a process. One transition at a
 * time.
 */
import { randomBytes } from 'node:crypto';
import { after } from './after.ts';
import { isClean, restartsAfter, resultOf } from './ends.ts';
import { type End, type Running, signalAll, terminate } from './processes.ts';
import { Readiness } from './readiness.ts';
import type { Surroundings } from './surroundings.ts';
import { toldToMain } from './told.ts';
import { type CommandList, UnitCommands } from './unit-commands.ts';
import { UnitState } from './unit-state.ts';
import type { UnitDefinition } from './units/definition.ts';
import { makeDirectories, removeRuntimeDirectories } from './units/directories.ts';
import { Watchdog } from './watchdog.ts';

export class Service extends UnitState {
  /**
   * The definition of the unit, replaced by a daemon-reload. Read again for each command, so that a reload during a
   * stop counts.
   */
  definition: UnitDefinition;
  readonly #around: Surroundings;
  readonly #commands: UnitCommands;
  readonly #readiness = new Readiness();
  readonly #watchdog = new Watchdog();
  #main: Running | null = null;
  #mainEnd: End | null = null;
  #starting: Promise<boolean> | null = null;
  #windingDown: Promise<void> | null = null;
  #callOffRestart: () => void = () => {};
  #startsByItself = false;
  #stopWanted = false;
  #destroyed = false;

  constructor(definition: UnitDefinition, around: Surroundings) {
    super();
    this.definition = definition;
    this.#around = around;
    this.#commands = new UnitCommands(definition.name, around);
  }

  get name(): string {
    return this.definition.name;
  }

  /** null if the service has no watchdog. */
  get watchdogFed(): Date | null {
    return Number.isFinite(this.definition.service.watchdogMs) ? this.#watchdog.fedAt : null;
  }

  pids(): number[] {
    return this.#commands.pids();
  }

  owns(pid: number): boolean {
    return this.#commands.owns(pid);
  }

  /** Resolves with true when the service is up, with false when the start failed or was cancelled. */
  async start(): Promise<boolean> {
    await this.#windingDown;
    if (this.isUp) return true;
    this.#callOffRestart();
    this.#starting ??= this.#start().finally(() => {
      this.#starting = null;
    });
    return this.#starting;
  }

  /** Resolves when no process of the unit runs any more. In auto-restart, no command is run. */
  async stop(): Promise<void> {
    this.#stopWanted = true;
    this.#startsByItself = false;
    if (this.sub === 'auto-restart') {
      this.#callOffRestart();
      this.enter('inactive', 'dead');
    } else if (this.#starting !== null) {
      // Otherwise it has failed already, and ExecStopPost runs.
      if (this.active === 'activating') this.#commands.cancelControl();
      this.#readiness.settle(false);
      // It has given up, or it had just come up.
      if (await this.#starting) await this.#windDownOnce();
    } else if (this.isUp || this.active === 'deactivating') {
      await this.#windDownOnce();
    }
  }

  /** Runs ExecReload of a service that is up. Resolves with false if it failed; the service stays unchanged then. */
  async reload(): Promise<boolean> {
    this.enter('reloading', 'reload');
    const failure = await this.#runAll('execReload');
    // The service may have been stopped meanwhile.
    if (this.active !== 'reloading') return false;
    this.enter('active', 'running');
    return failure === null;
  }

  /** Handles a message of the service. Unknown keys are ignored, as by systemd. */
  notify({ READY, STATUS, WATCHDOG }: Record<string, string>): void {
    if (STATUS !== undefined) this.statusText = STATUS;
    if (READY === '1' && this.#readiness.isAwaited) {
      this.#cameUp();
      this.#readiness.settle(true);
    }
    if (WATCHDOG === '1' && this.isUp) this.#watchdog.feed();
  }

  /** Like `systemctl kill`. */
  kill(signal: NodeJS.Signals, whom: 'main' | 'all'): void {
    signalAll(whom === 'all' ? this.pids() : this.mainPid === 0 ? [] : [this.mainPid], signal);
  }

  /** Kills all processes at once, without the commands of the unit, because the machine is removed. */
  destroy(): void {
    this.#destroyed = true;
    this.#stopWanted = true;
    this.#callOffRestart();
    this.#watchdog.stop();
    this.enter('inactive', 'dead');
    this.#commands.killAll();
  }

  resetFailed(): void {
    this.restarts = 0;
    if (this.active !== 'failed') return;
    this.result = 'success';
    this.enter('inactive', 'dead');
  }

  async #start(): Promise<boolean> {
    if (!this.#startsByItself) this.restarts = 0;
    this.#startsByItself = false;
    this.#stopWanted = false;
    this.#mainEnd = null;
    this.result = 'success';
    this.statusText = '';
    this.invocation = randomBytes(16).toString('hex');
    this.enter('activating', 'start-pre');
    makeDirectories(this.definition.service.directories);
    this.fail(await this.#runAll('execStartPre'));
    if (!this.#stopWanted && this.result === 'success' && (await this.#startMain())) return true;
    await this.#windDownOnce();
    return false;
  }

  /** Resolves with true when the service is up: at once, or with Type=notify after READY. */
  async #startMain(): Promise<boolean> {
    const { service } = this.definition;
    const [line] = service.execStart;
    if (line === undefined) return false;
    const main = this.#commands.launch(line, service, toldToMain(service, this, this.#around));
    this.#main = main;
    this.mainPid = main.pid ?? 0;
    void main.ended.then((end) => this.#mainEnded(end));
    if (service.type !== 'notify') {
      this.#cameUp();
      return true;
    }
    this.enter('activating', 'start');
    return this.#readiness.within(service.timeoutStartMs, () => {
      this.#say('start operation timed out. Terminating.');
      this.fail('timeout');
    });
  }

  #cameUp(): void {
    this.enter('active', 'running');
    const { watchdogMs } = this.definition.service;
    this.#watchdog.start(watchdogMs, () => {
      this.#say(`Watchdog timeout (limit ${watchdogMs / 1000}s)!`);
      this.fail('watchdog');
      void this.#windDownOnce('SIGABRT');
    });
  }

  #mainEnded(end: End): void {
    this.#main = null;
    this.#mainEnd = end;
    this.mainPid = 0;
    // With Type=notify, an end with status 0 before READY is a failure.
    this.fail(isClean(end) && this.sub === 'start' ? 'protocol' : resultOf(end));
    this.#readiness.settle(false);
    // A running stop waits for this end.
    if (this.isUp) void this.#windDownOnce();
  }

  #windDownOnce(signal: 'SIGTERM' | 'SIGABRT' = 'SIGTERM'): Promise<void> {
    this.#windingDown ??= this.#windDown(signal).finally(() => {
      this.#windingDown = null;
    });
    return this.#windingDown;
  }

  /** Ends the main process, runs ExecStopPost, ends all other processes, and decides what happens next. */
  async #windDown(signal: 'SIGTERM' | 'SIGABRT'): Promise<void> {
    this.#watchdog.stop();
    this.enter('deactivating', signal === 'SIGTERM' ? 'stop-sigterm' : 'stop-watchdog');
    await this.#endMain(signal);
    if (this.definition.service.killMode !== 'process') await this.#commands.endAll();
    this.sub = 'stop-post';
    this.fail(await this.#runAll('execStopPost'));
    await this.#commands.endAll();
    this.#commands.forgetAll();
    const { directories, keepsRuntime, restart } = this.definition.service;
    if (!keepsRuntime) removeRuntimeDirectories(directories);
    if (this.result === 'success') this.enter('inactive', 'dead');
    else this.enter('failed', 'failed');
    if (!this.#stopWanted && restartsAfter(restart, this.result)) this.#waitForRestart();
  }

  async #endMain(signal: 'SIGTERM' | 'SIGABRT'): Promise<void> {
    const main = this.#main;
    if (main === null || main.pid === null) return;
    const { killMode, timeoutStopMs } = this.definition.service;
    terminate(killMode === 'control-group' ? this.pids() : [main.pid], signal);
    const callOff = after(timeoutStopMs, () => {
      this.fail('timeout');
      this.sub = 'stop-sigkill';
      this.#commands.killAll();
    });
    await main.ended;
    callOff();
  }

  /** Resolves with the result of the failure; null if nothing failed. */
  #runAll(list: CommandList): Promise<string | null> {
    const { notifySocket } = this.#around;
    const facts = () => ({ state: this, settings: this.definition.service, mainEnd: this.#mainEnd, notifySocket });
    const isWanted = () => !this.#destroyed && !(list === 'execStartPre' && this.#stopWanted);
    return this.#commands.runAll(list, facts, isWanted);
  }

  #waitForRestart(): void {
    this.enter('activating', 'auto-restart');
    this.#callOffRestart = after(this.#around.delayMs(this.definition.service.restartMs), () => {
      this.restarts++;
      this.#startsByItself = true;
      this.#around.onAutoRestart(this.name);
    });
  }

  /** Writes a message of systemd into the journal of the unit. */
  #say(sentence: string): void {
    this.#around.journal(this.name, `${this.name}: ${sentence}`);
  }
}
