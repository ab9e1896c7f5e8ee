/**
 * A program for test/bench/growth.ts: runs turns with a clock that jumps by a minute each time, and prints what the
 * turns cost and how much memory stays allocated. Argument: the root of a machine whose Istio is adopted.
 */

import { pathsUnder } from '../../src/base/paths.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { Answer, Exchange } from '../../src/control-plane/kubernetes/exchange.ts';
import { Transport } from '../../src/control-plane/kubernetes/transport.ts';
import { POLLS_PER_FULL_LOOK } from '../../src/control-plane/target/target-reader.ts';
import type { Clock } from '../../src/host/clock.ts';
import { systemdBelow } from '../../src/host/systemd/below.ts';
import { Agent, readMachineId } from '../../src/turn/agent.ts';
import type { TurnDependencies, TurnOptions } from '../../src/turn/dependencies.ts';
import { KubernetesControlPlane } from '../../src/turn/kubernetes-control-plane.ts';
import { turn } from '../../src/turn/turn.ts';
import { ADDRESS } from '../sandbox/mesh.ts';
import type { Growth, Growths } from './growth.ts';
import { median } from './process-facts.ts';

const WHOLE_TURNS = 500;
const REPLAYED_TURNS = 100_000;
/**
 * Modules and caches of the first turns are no growth. Nor is code that V8 compiles, which takes thousands of turns.
 */
const WARM_UP_WHOLE = 200;
const WARM_UP_REPLAYED = 20_000;

class JumpingClock implements Clock {
  readonly #begunMs = Date.now();
  #minutes = 0;

  jump(): void {
    this.#minutes += 1;
  }

  now(): Date {
    return new Date(this.#begunMs + this.bootTimeMs());
  }

  bootTimeMs(): number {
    return this.#minutes * 60_000;
  }

  async sleep(): Promise<void> {}
}

const paths = pathsUnder(process.argv[2] ?? '');
const loaded = await loadConfig(paths);
if (loaded.state !== 'configured') throw new Error('the machine is not configured');
const { config } = loaded;
const clock = new JumpingClock();
const controlPlane = new KubernetesControlPlane(config, { paths, machineId: await readMachineId(paths), clock });
const agent = new Agent({ paths, clock, services: systemdBelow(paths), config, controlPlane, invocation: null });
const options: TurnOptions = {
  config,
  clock,
  ask: 'poll',
  nextPoll: null,
  tell: () => {},
  signal: new AbortController().signal,
};

async function turns(world: TurnDependencies, count: number): Promise<{ requests: number; bytes: number }[]> {
  const costs: { requests: number; bytes: number }[] = [];
  for (let done = 0; done < count; done += 1) {
    clock.jump();
    const before = controlPlane.usage();
    const { agent: said } = await turn(world, options);
    if (said.state !== 'ready') throw new Error(`a turn was not idle: ${said.state}: ${said.reason}`);
    const after = controlPlane.usage();
    if (count <= WHOLE_TURNS)
      costs.push({ requests: after.requests - before.requests, bytes: after.bytes - before.bytes });
  }
  return costs;
}

async function growthOver(world: TurnDependencies, warmUp: number, count: number): Promise<Growth> {
  await turns(world, warmUp);
  const before = liveBytes();
  const begunMs = performance.now();
  await turns(world, count);
  return { turns: count, grownBytes: liveBytes() - before, turnMs: (performance.now() - begunMs) / count };
}

/** The memory that is still used after a full garbage collection, in the heap of V8 and outside of it. */
function liveBytes(): number {
  for (let count = 0; count < 4; count += 1)
    globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' });
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Replaces the network: each request gets the last answer of the API server to the same request. */
function replay(): { stop(): void } {
  const { send } = Transport.prototype;
  const known = new Map<string, Answer>();
  const key = ({ method, path, accept }: Exchange) => `${method} ${path} ${accept}`;
  Transport.prototype.send = async function record(exchange) {
    const answer = await send.call(this, exchange);
    known.set(key(exchange), answer);
    return answer;
  };
  return {
    stop: () => {
      Transport.prototype.send = async (exchange) => {
        const answer = known.get(key(exchange));
        if (answer === undefined) throw new Error(`no answer was recorded for ${key(exchange)}`);
        return answer;
      };
    },
  };
}

await turns(agent, 2 * POLLS_PER_FULL_LOOK);
const costs = await turns(agent, 10 * POLLS_PER_FULL_LOOK);
const isFull = ({ requests }: { requests: number }) => requests > median(costs.map((cost) => cost.requests));
const idle = costs.filter((cost) => !isFull(cost));
const full = costs.filter(isFull);
const whole = await growthOver(agent, WARM_UP_WHOLE, WHOLE_TURNS);

const recorded = replay();
await turns(agent, 2 * POLLS_PER_FULL_LOOK);
recorded.stop();
const seen = await agent.observe();
const replayed = await growthOver(
  {
    observe: async () => ({ ...seen, at: clock.now() }),
    observeAgent: async () => seen.agent,
    target: (ask) => agent.target(ask),
    wanted: (target, observation) => agent.wanted(target, observation),
    wantedAgent: () => agent.wantedAgent(),
    concludeProbation: async () => [],
    adoptedRevision: async () => null,
    attempts: async () => new Map(),
    take: async (step) => {
      throw new Error(`an idle turn took a step: ${step.do}`);
    },
    failed: async () => {},
    report: (status) =>
      controlPlane.report(status, { revisionGone: false, identity: { address: ADDRESS, network: '' } }),
    writeRules: async () => {},
  },
  WARM_UP_REPLAYED,
  REPLAYED_TURNS,
);
controlPlane.close();
const most = (of: typeof costs) => ({
  requests: Math.max(...of.map(({ requests }) => requests)),
  bytes: Math.max(...of.map(({ bytes }) => bytes)),
});
const result: Growths = { whole, replayed, idlePoll: most(idle), fullLook: most(full) };
console.log(JSON.stringify(result));
