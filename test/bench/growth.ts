/** What stays allocated for each poll, and what a poll asks of the API server. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { SandboxMesh } from '../sandbox/mesh.ts';
import type { Installation } from './installation.ts';
import { adopt, makeMachine } from './machines.ts';

export interface Growth {
  turns: number;
  /** Live memory of JavaScript, and of what it holds outside of its heap. */
  grownBytes: number;
  turnMs: number;
}

export interface Growths {
  /** Everything as in the daemon: disk, systemctl, HTTPS. */
  whole: Growth;
  /** Without disk and network: reading the target, deciding, status, reporting. */
  replayed: Growth;
  /** The most that a poll asked for in which nothing changed; bytes of the answers' bodies. */
  idlePoll: { requests: number; bytes: number };
  /** The same of every tenth poll, which looks at everything. */
  fullLook: { requests: number; bytes: number };
}

/** Compiled, unlike the daemon, or 100,000 turns would take a quarter of an hour; what stays allocated is the same. */
const FLAGS = ['--max-semi-space-size=1', '--expose-gc'];

export async function measureGrowth(mesh: SandboxMesh, agent: Installation): Promise<Growths> {
  await using machine = await makeMachine(mesh);
  await adopt(machine, agent);
  const main = join(import.meta.dirname, 'growth-main.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [...FLAGS, main, machine.root]);
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Growths;
}
