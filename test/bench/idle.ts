/** Memory and CPU of idle agents, each compared with a floor that is started at the same time. */
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { SandboxMachine } from '../sandbox/machine.ts';
import { NAMESPACE, type SandboxMesh } from '../sandbox/mesh.ts';
import { end, type Installation } from './installation.ts';
import { adopt, makeMachine, startAgent, untilReady } from './machines.ts';
import { factsOf, median } from './process-facts.ts';

export interface Cost {
  rssMb: number;
  anonymousMb: number;
  cpuMsPerMinute: number;
  childrenCpuMsPerMinute: number;
}

export interface Pair {
  agent: Cost;
  floor: Cost;
}

const PAIRS = 3;
/** The first minute is part of the start. */
const SETTLE_MS = 60_000;
/** Two polls of each process. */
const WINDOW_MS = 120_000;
const SAMPLES = 4;

export async function measureIdle(mesh: SandboxMesh, agent: Installation, floor: Installation): Promise<Pair[]> {
  await using stack = new AsyncDisposableStack();
  const running: { agent: ChildProcess; floor: ChildProcess }[] = [];
  for (let count = 0; count < PAIRS; count += 1) {
    const machine = stack.use(await makeMachine(mesh));
    await adopt(machine, agent);
    const pair = { agent: startAgent(machine, agent), floor: floor.start([], floorEnvironment(mesh, machine)) };
    stack.defer(() => end(pair.agent));
    stack.defer(() => end(pair.floor));
    await untilReady(machine, pair.agent.pid);
    running.push(pair);
  }
  await delay(SETTLE_MS);
  const processes = running.flatMap((pair) => [pair.agent, pair.floor]);
  const windows = processes.map((process) => new Window(process));
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    await delay(WINDOW_MS / SAMPLES);
    for (const window of windows) window.sample();
  }
  return running.map((_, index) => ({
    agent: (windows[2 * index] as Window).cost(),
    floor: (windows[2 * index + 1] as Window).cost(),
  }));
}

function floorEnvironment(mesh: SandboxMesh, { paths }: SandboxMachine): Record<string, string> {
  return {
    PATH: process.env.PATH ?? '',
    BENCH_URL: `${mesh.api.url}/api/v1/namespaces/${NAMESPACE}`,
    BENCH_CA: join(paths.credentials, 'ca.crt'),
    BENCH_TOKEN: join(paths.credentials, 'token'),
  };
}

class Window {
  readonly #pid: number;
  readonly #begun;
  readonly #samples: ReturnType<typeof factsOf>[] = [];

  constructor({ pid }: ChildProcess) {
    if (pid === undefined) throw new Error('the process was not started');
    this.#pid = pid;
    this.#begun = factsOf(pid);
  }

  sample(): void {
    this.#samples.push(factsOf(this.#pid));
  }

  cost(): Cost {
    const last = this.#samples.at(-1) ?? this.#begun;
    const minutes = WINDOW_MS / 60_000;
    return {
      rssMb: median(this.#samples.map(({ rssKb }) => rssKb)) / 1024,
      anonymousMb: median(this.#samples.map(({ anonymousKb }) => anonymousKb)) / 1024,
      cpuMsPerMinute: (last.cpuMs - this.#begun.cpuMs) / minutes,
      childrenCpuMsPerMinute: (last.childrenCpuMs - this.#begun.childrenCpuMs) / minutes,
    };
  }
}
