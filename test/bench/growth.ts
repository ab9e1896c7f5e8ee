/** How much memory stays allocated after a poll, and what a poll requests from the API server. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { SandboxMesh } from '../sandbox/mesh.ts';
import type { Installation } from './installation.ts';
import { adopt, makeMachine } from './machines.ts';

export interface Growth {
  turns: number;
  /** Growth of the live memory of JavaScript, in its heap and outside of it. */
  grownBytes: number;
  turnMs: number;
}

export interface Growths {
  /** Whole turns as in the daemon: with disk, systemctl and HTTPS. */
  whole: Growth;
  /** Turns without disk and network: reading the target, deciding, status, reporting. */
  replayed: Growth;
  /** The largest poll in which nothing changed. Bytes of the bodies of the answers. */
  idlePoll: { requests: number; bytes: number };
  /** The same for every tenth poll, which reads everything. */
  fullLook: { requests: number; bytes: number };
}

/**
 * Unlike the daemon, with compiled code: 100,000 turns would take a quarter of an hour. The allocated memory is the
 * same.
 */
const FLAGS = ['--max-semi-space-size=1', '--expose-gc'];

export async function measureGrowth(mesh: SandboxMesh, agent: Installation): Promise<Growths> {
  await using machine = await makeMachine(mesh);
  await adopt(machine, agent);
  const main = join(import.meta.dirname, 'growth-main.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [...FLAGS, main, machine.root]);
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Growths;
}
