/** `smm-agent run`: the daemon's process, with signals, systemd, socket and log around the loop. */

import { writeFile } from 'node:fs/promises';
import { describeError } from '../base/errors.ts';
import type { Paths } from '../base/paths.ts';
import { AGENT_VERSION } from '../base/version.ts';
import { systemClock } from '../host/clock.ts';
import { checkpoint } from '../host/files/checkpoints.ts';
import { makeFolder } from '../host/files/files.ts';
import type { Log } from '../host/log/log.ts';
import { Memory } from '../host/memory.ts';
import { runBelow, systemdBelow } from '../host/systemd/below.ts';
import type { Status } from '../status/status.ts';
import { RiskyInputs } from '../turn/risky-inputs.ts';
import { ActivityNotes } from './activity-notes.ts';
import { Clients } from './clients.ts';
import { type DaemonParts, runDaemon, type Session } from './daemon.ts';
import { forgetFailedStarts, type HeldBack, readHeldBack } from './failed-starts.ts';
import { type Notifier, notifierFor } from './notifier.ts';
import { ReopenableLog } from './reopenable-log.ts';
import { answerClient, endOfAgent, endOfTurn } from './requests.ts';
import { openSession } from './session.ts';
import { listen, type Serve } from './socket/server.ts';
import { stepLog } from './step-log.ts';
import { Triggers } from './triggers.ts';
import { Watchdog } from './watchdog.ts';

/**
 * Returns after SIGTERM or SIGINT, or when smm-agent.service starts. Rejects with SMM505 when another agent runs here
 * and does not end.
 */
export async function runHere(paths: Paths, env: NodeJS.ProcessEnv): Promise<void> {
  await new DaemonProcess(paths, env).run();
}

class DaemonProcess {
  readonly #paths: Paths;
  readonly #env: NodeJS.ProcessEnv;
  readonly #clock = systemClock;
  readonly #triggers = new Triggers();
  readonly #clients = new Clients();
  readonly #memory = new Memory();
  readonly #log: ReopenableLog;
  readonly #activity: ActivityNotes;
  readonly #risks: RiskyInputs;
  /** Aborted with the reason why the process ends. */
  readonly #ending = new AbortController();
  /** The agent has switched to another version in this process. */
  #isReplaced = false;
  /** systemd was asked for the restart into that version. */
  #isRestarting = false;
  /** A turn was completed, so the count of failed starts was reset. */
  #hasForgotten = false;

  constructor(paths: Paths, env: NodeJS.ProcessEnv) {
    this.#paths = paths;
    this.#env = env;
    this.#log = new ReopenableLog(env);
    this.#activity = new ActivityNotes(paths, this.#clock.now(), this.#log);
    this.#risks = new RiskyInputs(paths, this.#clock);
  }

  async run(): Promise<void> {
    const { signal } = this.#ending;
    this.#takeSignals();
    const socket = await this.#listen();
    const runProgram = runBelow(this.#paths);
    const notifier = notifierFor(this.#env.NOTIFY_SOCKET, { log: this.#log, clock: this.#clock, runProgram, signal });
    const watchdog = new Watchdog(this.#clock);
    const watchdogMs = Number(this.#env.WATCHDOG_USEC ?? 0) / 1000;
    const stopFeeding = watchdogMs > 0 ? watchdog.start(watchdogMs, () => void notifier.watchdog()) : () => {};
    this.#log.info(`smm-agent ${AGENT_VERSION} starts`, { pid: process.pid, node: process.version });
    await nameProcess(this.#log);
    await this.#activity.note(null);
    checkpoint('agent-started');
    try {
      await runDaemon(await this.#parts(notifier, watchdog), signal);
      await this.#risks.endInOrder();
    } finally {
      stopFeeding();
      this.#clients.close(endOfAgent(this.#isReplaced));
      await socket.close();
    }
    this.#log.info('smm-agent stops', { reason: String((signal.reason as Error | undefined)?.message ?? 'done') });
  }

  #takeSignals(): void {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.once(signal, () => this.#ending.abort(new Error(`stopped by ${signal}`)));
    }
    process.on('SIGHUP', () => this.#triggers.fire('reload'));
  }

  async #listen(): Promise<{ close(): Promise<void> }> {
    // An agent that an operator has started by hand ends when the service starts. Otherwise each start of the service
    // would fail.
    const isService = this.#env.NOTIFY_SOCKET !== undefined;
    const makeWay = isService ? null : () => this.#ending.abort(new Error('smm-agent.service has started'));
    const asked = { triggers: this.#triggers, clients: this.#clients, makeWay };
    await makeFolder(this.#paths.run, 0o755);
    const serve: Serve = (request, answer) => answerClient(request, answer, asked);
    return listen(this.#paths.socket, serve, { takesOver: isService });
  }

  async #parts(notifier: Notifier, watchdog: Watchdog): Promise<DaemonParts> {
    const log = this.#log;
    const logSteps = stepLog(log);
    const heldBack = await readHeldBack(this.#paths, log);
    return {
      clock: this.#clock,
      log,
      notifier,
      watchdog,
      triggers: this.#triggers,
      heldBack,
      open: (before) => this.#open(before),
      opened: ({ problem }) => this.#clients.read(problem),
      began: async (reasons) => {
        this.#clients.began(reasons);
        await this.#activity.note({ since: this.#clock.now().toISOString(), reasons });
      },
      tell: (event) => {
        logSteps(event);
        this.#isReplaced ||= event.kind === 'done' && event.step === 'upgrade-agent';
        this.#isRestarting ||= event.kind === 'done' && event.step === 'restart-agent';
        this.#clients.tell(event);
      },
      finished: (status) => this.#finished(status, heldBack),
    };
  }

  #open(before: Session | null): Promise<Session> {
    const parts = {
      paths: this.#paths,
      clock: this.#clock,
      log: this.#log,
      services: systemdBelow(this.#paths),
      invocation: this.#env.INVOCATION_ID ?? null,
      risks: this.#risks,
    };
    return openSession(parts, (config) => this.#log.reopen(config.log), before);
  }

  async #finished(status: Status | null, { failures }: HeldBack): Promise<void> {
    if (status !== null && !this.#hasForgotten) {
      this.#hasForgotten = true;
      const warn = (error: unknown) => this.#log.warn(describeError(error));
      if (failures > 0) forgetFailedStarts(this.#paths).catch(warn);
    }
    await this.#activity.note(null);
    // The turn may be over before SIGTERM comes or after it: a command gets the same answer in both cases.
    this.#clients.finished(this.#isRestarting ? endOfAgent(true) : endOfTurn(status));
    this.#memory.giveBack();
  }
}

/** Otherwise ps and top show the name of Node's main thread. process.title would overwrite the arguments. */
async function nameProcess(log: Log): Promise<void> {
  try {
    await writeFile('/proc/self/comm', 'smm-agent');
  } catch (error) {
    log.debug(`cannot name the process: ${describeError(error)}`);
  }
}
