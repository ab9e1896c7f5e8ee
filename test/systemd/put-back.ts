/** A release of Istio that ends again and again, for tests of the scripts that roll it back. */
import assert from 'node:assert/strict';
import { A, B, ScriptMachine } from './script-machine.ts';

export const STATE = 'var/lib/smm-agent/istio';
export const CRASH = { result: 'signal', code: 'killed', status: 'SEGV' };

/** A is active and confirmed; B is staged and was never confirmed. */
export function upgraded(): ScriptMachine {
  return new ScriptMachine()
    .release(A, { confirmed: true, createdAt: 2 })
    .release(B, { createdAt: 3 })
    .link('active', A)
    .link('staged', B);
}

/** Starts Istio, which ends by itself `seconds` later. */
export function startAndEnd(
  machine: ScriptMachine,
  seconds = 3,
  ended: Parameters<ScriptMachine['stopped']>[1] = CRASH,
): void {
  const invocation = `i-${machine.calls().length}`;
  const up = Number((machine.read('proc/uptime') ?? '').split('.')[0]);
  assert.equal(machine.start(invocation).status, 0);
  machine.file('proc/uptime', `${up + seconds}.00 1.00\n`);
  assert.equal(machine.stopped(invocation, ended).status, 0);
}

export const rejection = (machine: ScriptMachine, id: string) => machine.read(`${STATE}/rejected/${id}`);
