/** A release of Istio that ends again and again, for the scripts that put it back. */
import assert from 'node:assert/strict';
import { A, B, ScriptMachine } from './script-machine.ts';

export const STATE = 'var/lib/smm-agent/istio';
export const CRASH = { result: 'signal', code: 'killed', status: 'SEGV' };

/** A ran and is confirmed; B is staged and was never confirmed. */
export function upgraded(): ScriptMachine {
  return new ScriptMachine()
    .release(A, { confirmed: true, createdAt: 2 })
    .release(B, { createdAt: 3 })
    .link('active', A)
    .link('staged', B);
}

/** Starts Istio, and ends it `seconds` later by itself. */
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
