/** Load on a machine's workload from the control plane's side, through Envoy. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { assertAlive, logTail, startDaemon } from '../host/daemon.ts';
import { end } from '../host/ledger.ts';
import type { Lab } from '../lab.ts';
import { until } from '../until.ts';

const START_MS = 20_000;
const LAST_ANSWERS_MS = 60_000;

export interface LoadOptions {
  readonly url: string;
  readonly connections: number;
  readonly requestsPerSecond: number;
}

export interface LoadResult {
  readonly requests: number;
  /** From the first request to the stop: the start of the program is not in it. */
  readonly seconds: number;
  /** Failed requests, and answers other than 200. */
  readonly errors: number;
  /** Connections that were closed before the load was stopped. */
  readonly closed: number;
  readonly statuses: Readonly<Record<string, number>>;
  /** How often each value of the header `server` was seen: `istio-envoy` when it came through Envoy. */
  readonly servers: Readonly<Record<string, number>>;
  readonly slowestMs: number;
  readonly firstError: string;
}

export interface Load {
  /** Ends the load, waits for the outstanding answers, and says what happened. */
  stop(): Promise<LoadResult>;
}

/** Resolves once it asks. */
export async function startLoad(lab: Lab, options: LoadOptions): Promise<Load> {
  const logFile = join(lab.state.folder, `load-${process.hrtime.bigint()}.log`);
  const daemon = startDaemon(lab.ledger, {
    what: 'the load',
    netns: lab.state.netns,
    logFile,
    argv: [
      process.execPath,
      join(import.meta.dirname, 'load-main.ts'),
      options.url,
      String(options.connections),
      String(options.requestsPerSecond),
    ],
  });
  const asks = () => {
    assertAlive(daemon);
    return readFileSync(logFile, 'utf8').includes('asks\n');
  };
  await until('the load to begin', asks, START_MS);
  return {
    async stop() {
      // Before the run would end it by force: its last answers may take a while.
      await end(daemon.what, daemon.identity, LAST_ANSWERS_MS);
      await daemon.stop();
      const report = readFileSync(logFile, 'utf8')
        .split('\n')
        .find((line) => line.startsWith('{'));
      if (report === undefined) throw new Error(`cannot read the result of the load; ${logTail(logFile)}`);
      return JSON.parse(report) as LoadResult;
    },
  };
}

export async function runLoad(lab: Lab, options: LoadOptions & { readonly seconds: number }): Promise<LoadResult> {
  const load = await startLoad(lab, options);
  await sleep(options.seconds * 1000);
  return load.stop();
}
