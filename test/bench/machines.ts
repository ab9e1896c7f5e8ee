/** Machines whose Istio is adopted and whose agent only polls, once a minute as by default. */
import type { ChildProcess } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { readStatus } from '../../src/status/file.ts';
import { SandboxMachine } from '../sandbox/machine.ts';
import type { SandboxMesh } from '../sandbox/mesh.ts';
import { until } from '../support/until.ts';
import { end, type Installation } from './installation.ts';

export const ISTIO = '1.31.0';

export async function makeMachine(mesh: SandboxMesh): Promise<SandboxMachine> {
  const machine = await SandboxMachine.make({ mesh, istio: ISTIO });
  const { config } = machine.paths;
  await writeFile(config, (await readFile(config, 'utf8')).replace(/schedule: .*/, "schedule: '* * * * *'"));
  return machine;
}

/** Starts the bundled agent with its launcher. */
export function startAgent(
  machine: SandboxMachine,
  agent: Installation,
  env: Record<string, string> = {},
): ChildProcess {
  return agent.start(['--root', machine.root, 'run'], { PATH: machine.manager.path, ...env });
}

/** Waits until the agent with this pid has adopted Istio and is ready. */
export async function untilReady(machine: SandboxMachine, pid: number | undefined): Promise<void> {
  await until(
    'an agent with nothing left to do',
    () => readStatus(machine.paths),
    (status) => status?.agent.pid === pid && status?.agent.state === 'ready' && status.istio.active !== null,
    60_000,
  );
}

/** Adopts Istio with a first agent. The measured agent is started later, as after a reboot. */
export async function adopt(machine: SandboxMachine, agent: Installation): Promise<void> {
  const first = startAgent(machine, agent);
  try {
    await untilReady(machine, first.pid);
  } finally {
    await end(first);
  }
}
