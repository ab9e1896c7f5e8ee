/** The time from the start of the launcher to READY, as systemd would see it. */
import { existsSync } from 'node:fs';
import { chmod, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SandboxMesh } from '../sandbox/mesh.ts';
import { until } from '../support/until.ts';
import { end, type Installation } from './installation.ts';
import { adopt, makeMachine, startAgent } from './machines.ts';

const ROUNDS = 7;

/** One value for each round, in milliseconds. */
export async function measureStart(mesh: SandboxMesh, agent: Installation): Promise<number[]> {
  await using machine = await makeMachine(mesh);
  await adopt(machine, agent);
  const record = join(machine.root, 'ready-at');
  const notify = join(machine.root, 'usr/bin/systemd-notify');
  // A link to the stand-in for systemctl.
  await rm(notify);
  await writeFile(notify, standIn(record));
  await chmod(notify, 0o755);
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    await rm(record, { force: true });
    const begunMs = Date.now();
    const daemon = startAgent(machine, agent, { NOTIFY_SOCKET: join(machine.root, 'notify') });
    try {
      times.push((await until('READY', () => readyAt(record), Boolean)) - begunMs);
    } finally {
      await end(daemon);
    }
  }
  return times;
}

/** Replaces the program that the npm package runs. Records the time of READY in milliseconds. */
function standIn(record: string): string {
  return `#!/bin/sh
case " $* " in *' --ready '*) date +%s%3N >'${record}.new' && mv '${record}.new' '${record}' ;; esac
`;
}

/** The recorded time; 0 before READY. */
async function readyAt(record: string): Promise<number> {
  return existsSync(record) ? Number(await readFile(record, 'utf8')) : 0;
}
