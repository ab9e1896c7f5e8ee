/**
 * The global setup of the tests on the real parts (`node --test --test-global-setup=test/vm/lab/setup.ts`): one control
 * plane for all test files. An interrupted run calls no teardown: runs.ts sees to that. As a program of its own it
 * starts a lab and keeps it until Ctrl-C, to look around in.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cleanDeadRuns, endRun } from './host/runs.ts';
import { LAB_VARIABLE, type LabState } from './lab.ts';
import { startRun } from './mesh/control-plane.ts';
import { ensureParts } from './parts/parts.ts';
import { say, timed } from './say.ts';

export async function globalSetup(): Promise<void> {
  const parts = await timed('the real parts', ensureParts);
  await cleanDeadRuns();
  const { folder } = await startRun(parts);
  process.env[LAB_VARIABLE] = join(folder, 'lab.json');
}

export async function globalTeardown(): Promise<void> {
  const file = process.env[LAB_VARIABLE];
  if (file === undefined) return;
  // Interrupted, the runner calls this twice.
  delete process.env[LAB_VARIABLE];
  const state = JSON.parse(readFileSync(file, 'utf8')) as LabState;
  await timed('taking the lab down', () => endRun(state));
}

if (import.meta.main) {
  await globalSetup();
  say(`ready: ${LAB_VARIABLE}=${process.env[LAB_VARIABLE]}; Ctrl-C ends it`);
  // Something has to keep the process: everything that it started runs on its own.
  setInterval(() => undefined, 60_000);
}
