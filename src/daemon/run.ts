/** `smm-agent run`: the daemon in its process: signals, systemd, socket and log around the loop. */

import { writeFile } from 'node:fs/promises';
import { describeError } from '../base/errors.ts';
import type { Paths } from '../base/paths.ts';
import { AGENT_VERSION } from '../base/version.ts';
import type { Config } from '../config/schema.ts';
import { systemClock } from '../host/clock.ts';
import { checkpoint } from '../host/files/checkpoints.ts';
import { makeFolder } from '../host/files/files.ts';
import { isJournal, openLog } from '../host/log/journal.ts';
import type { Log } from '../host/log/log.ts';
import { Memory } from '../host/memory.ts';
import { runBelow, systemdBelow } from '../host/systemd/below.ts';
import type { Status } from '../status/status.ts';
import type { TurnEvent } from '../turn/events.ts';
import { RiskyInputs } from '../turn/risky-inputs.ts';
import { readProbation } from '../versions/probation.ts';
import { type Activity, writeActivity } from './activity.ts';
import { Clients } from './clients.ts';
import { type DaemonParts, runDaemon } from './daemon.ts';
import { failedStarts, forgetFailedStarts, holdBackMs } from './failed-starts.ts';
import { notifierFor } from './notifier.ts';
import { openSession } from './session.ts';
import type { Answer, End, Request } from './socket/protocol.ts';
import { listen, type Serve } from './socket/server.ts';
import { Triggers } from './triggers.ts';
import { turnResult } from './turn-result.ts';
import { Watchdog } from './watchdog.ts';

const DEFAULT_LOG: Config['log'] = { format: 'text', level: 'info' };

/** Returns after SIGTERM or SIGINT, or when the service starts beside it. Rejects with SMM505 when another agent runs here that stays. */
export async function runHere(paths: Paths, env: NodeJS.ProcessEnv): Promise<void> {
  const clock = systemClock;
  const triggers = new Triggers();
  const ending = new AbortController();
  const log = new ReopenableLog(env);
  const note = noteTaker(log);
  const clients = new Clients();
  let isReplaced = false;
  let isRestarting = false;
  // One that an operator has started by hand makes way for the service, which systemd would start in vain for as long.
  const isService = env.NOTIFY_SOCKET !== undefined;
  const makeWay = isService ? null : () => ending.abort(new Error('smm-agent.service has started'));
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => ending.abort(new Error(`ended by ${signal}`)));
  }
  process.on('SIGHUP', () => triggers.fire('reload'));
  const serve: Serve = (request, answer) => answerClient(request, answer, { triggers, clients, makeWay });
  await makeFolder(paths.run, 0o755);
  const socket = await listen(paths.socket, serve, { takesOver: isService });
  const { signal } = ending;
  const notifier = notifierFor(env.NOTIFY_SOCKET, { log, clock, runProgram: runBelow(paths), signal });
  const watchdog = new Watchdog(clock);
  const watchdogMs = Number(env.WATCHDOG_USEC ?? 0) / 1000;
  const stopFeeding = watchdogMs > 0 ? watchdog.start(watchdogMs, () => void notifier.watchdog()) : () => {};
  const services = systemdBelow(paths);
  const invocation = env.INVOCATION_ID ?? null;
  const memory = new Memory();
  const risks = new RiskyInputs(paths, clock);
  log.info(`smm-agent ${AGENT_VERSION} starts`, { pid: process.pid, node: process.version });
  await nameProcess(log);
  const activity = new ActivityNotes(paths, clock.now(), log);
  await activity.note(null);
  checkpoint('agent-started');
  try {
    const heldBack = await readHeldBack(paths, log);
    let isForgotten = heldBack.failures === 0;
    const forget = () => {
      if (isForgotten) return;
      isForgotten = true;
      forgetFailedStarts(paths).catch((error: unknown) => log.warn(describeError(error)));
    };
    await runDaemon(
      {
        clock,
        log,
        notifier,
        watchdog,
        triggers,
        open: (before) =>
          openSession(
            { paths, clock, log, services, invocation, risks },
            ({ log: options }) => log.reopen(options),
            before,
          ),
        opened: ({ problem }) => clients.read(problem),
        began: async (reasons) => {
          clients.began(reasons);
          await activity.note({ since: clock.now().toISOString(), reasons });
        },
        tell: (event) => {
          note(event);
          isReplaced ||= event.kind === 'done' && event.step === 'upgrade-agent';
          isRestarting ||= event.kind === 'done' && event.step === 'restart-agent';
          clients.tell(event);
        },
        heldBack,
        finished: async (status) => {
          if (status !== null) forget();
          await activity.note(null);
          // Where systemd takes its time, the turn is over before SIGTERM comes: a command is told the same either way.
          clients.finished(isRestarting ? endOfAgent(true) : endOfTurn(status));
          memory.giveBack();
        },
      },
      ending.signal,
    );
    await risks.endInOrder();
  } finally {
    stopFeeding();
    clients.close(endOfAgent(isReplaced));
    await socket.close();
  }
  log.info('smm-agent ends', { reason: String((ending.signal.reason as Error | undefined)?.message ?? 'done') });
}

/** A version on probation has no time to wait, and is put back at its first failure. */
async function readHeldBack(paths: Paths, log: Log): Promise<DaemonParts['heldBack']> {
  try {
    const failures = await failedStarts(paths);
    const isOnTrial = failures > 0 && (await readProbation(paths))?.to === AGENT_VERSION;
    return { failures, ms: isOnTrial ? 0 : holdBackMs(failures, Math.random()) };
  } catch (error) {
    // Nothing else depends on it.
    log.warn(`cannot tell how often the agent has failed to start: ${describeError(error)}`);
    return { failures: 0, ms: 0 };
  }
}

/**
 * Steps that were done or failed are worth a line each, and the beginning of the agent's own upgrade, after which nothing may come of it;
 * what was learnt is told by the status, on change.
 */
function noteTaker(log: Log): (event: TurnEvent) => void {
  // A step that fails in the same way at each try is one line, until it is done.
  const failures = new Map<string, string>();
  return (event) => {
    if (event.kind === 'detail') log.debug(event.text, event.fields);
    if (event.kind === 'begun' && event.step === 'upgrade-agent') log.info(`upgrading: ${event.text}`);
    if (event.kind === 'done') {
      failures.delete(event.step);
      log.info(event.text, { step: event.step });
    }
    if (event.kind !== 'failed' || event.step === 'turn' || failures.get(event.step) === event.text) return;
    failures.set(event.step, event.text);
    log.error(event.text, { step: event.step, remedy: event.remedy });
  };
}

/** null: the turn as a whole failed. */
function endOfTurn(status: Status | null): End {
  if (status === null) return { ok: false, text: 'the turn failed: see journalctl -u smm-agent' };
  return turnResult(status);
}

/** `isReplaced`: another version is in place of this one, and that is why it ends. */
function endOfAgent(isReplaced: boolean): End {
  if (isReplaced) return { ok: true, text: 'the agent restarts as that version: smm-agent status says how it goes on' };
  return { ok: false, text: 'the agent was ended in the middle of it; its next start does it again' };
}

interface Asked {
  triggers: Triggers;
  clients: Clients;
  /** Ends this daemon for another one; null for the one that stays. */
  makeWay: (() => void) | null;
}

async function answerClient(
  { do: wish, turn = false }: Request,
  answer: (answer: Answer) => void,
  { triggers, clients, makeWay }: Asked,
): Promise<void> {
  // Whoever waits is there before what is waited for can happen.
  const end = (): Promise<End> => {
    switch (wish) {
      case 'yield':
        makeWay?.();
        return Promise.resolve({ ok: makeWay !== null, text: 'this is the daemon' });
      case 'reload':
        return turn ? clients.turn('reload', answer) : clients.reading();
      case 'reconcile':
        return clients.turn('reconcile', answer);
      case 'look':
        return clients.turn('istio', answer);
    }
  };
  const ended = end();
  if (wish !== 'yield') triggers.fire(wish === 'look' ? 'istio' : wish);
  answer({ end: await ended });
}

/** For ps and top, which show the name of Node's main thread else. The arguments stay: process.title would write over them. */
async function nameProcess(log: Log): Promise<void> {
  try {
    await writeFile('/proc/self/comm', 'smm-agent');
  } catch (error) {
    log.debug(`cannot name the process: ${describeError(error)}`);
  }
}

/** That this cannot be written keeps nobody from working; it is told once. */
class ActivityNotes {
  readonly #paths: Paths;
  readonly #startedAt: string;
  readonly #log: Log;
  #hasFailed = false;

  constructor(paths: Paths, startedAt: Date, log: Log) {
    this.#paths = paths;
    this.#startedAt = startedAt.toISOString();
    this.#log = log;
  }

  async note(turn: Activity['turn']): Promise<void> {
    const who = { pid: process.pid, version: AGENT_VERSION, startedAt: this.#startedAt } as const;
    try {
      await writeActivity(this.#paths, { format: 1, ...who, turn });
    } catch (error) {
      if (!this.#hasFailed) this.#log.warn(`cannot say which turn is under way: ${describeError(error)}`);
      this.#hasFailed = true;
    }
  }
}

/** The log's format and level come with the configuration, which can be read again. */
class ReopenableLog implements Log {
  readonly #env: NodeJS.ProcessEnv;
  #log: Log;

  constructor(env: NodeJS.ProcessEnv) {
    this.#env = env;
    this.#log = this.#open(DEFAULT_LOG);
  }

  reopen(options: Config['log']): void {
    this.#log = this.#open(options);
  }

  debug: Log['debug'] = (sentence, fields) => this.#log.debug(sentence, fields);
  info: Log['info'] = (sentence, fields) => this.#log.info(sentence, fields);
  warn: Log['warn'] = (sentence, fields) => this.#log.warn(sentence, fields);
  error: Log['error'] = (sentence, fields) => this.#log.error(sentence, fields);

  #open({ format, level }: Config['log']): Log {
    return openLog({ format, level, toJournal: isJournal(1, this.#env), output: process.stdout });
  }
}
