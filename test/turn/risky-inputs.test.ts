import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { pathsUnder } from '../../src/base/paths.ts';
import { RiskyInputs } from '../../src/turn/risky-inputs.ts';
import { ManualClock } from '../support/manual-clock.ts';

const root = mkdtempSync(join(tmpdir(), 'smm-risky-'));
after(() => rmSync(root, { recursive: true }));

let machines = 0;
const machine = () => {
  const [paths, clock] = [pathsUnder(join(root, String(machines++))), new ManualClock()];
  return { paths, clock, process: () => new RiskyInputs(paths, clock) };
};
const DAY_MS = 24 * 3_600_000;

/** A process that dies while it uses this input: its work never ends. */
async function dieAt(risks: RiskyInputs, key: string): Promise<void> {
  const reached = Promise.withResolvers<void>();
  void risks.at(key, `the ${key}`, () => {
    reached.resolve();
    return new Promise(() => {});
  });
  await reached.promise;
}

describe('an input that may crash the agent', () => {
  it('leaves no note if the agent survives, whether the work succeeds or fails', async () => {
    const { paths, process } = machine();
    assert.equal(await process().at('package a', 'the package a', async () => 'read'), 'read');
    await assert.rejects(
      process().at('package a', 'the package a', async () => {
        throw new Error('refused');
      }),
      /refused/,
    );
    assert.deepEqual(readdirSync(paths.run), []);
  });

  it('is tried again after one death, and skipped after the second; other inputs are still used', async () => {
    const { process } = machine();
    await dieAt(process(), 'package a');
    await dieAt(process(), 'package a');
    const untouched = async () => assert.fail('it was read all the same');
    await assert.rejects(process().at('package a', 'the package a', untouched), {
      code: 'SMM513',
      message:
        /^cannot use the package a: the agent died 2 times while it used this, the last time at 2026-11-23T12:00/,
    });
    assert.equal(await process().at('package b', 'the package b', async () => 'read'), 'read');
    await dieAt(process(), 'package b');
    await assert.rejects(process().at('package a', 'the package a', untouched), { code: 'SMM513' });
  });

  it('has no deaths any more after it was used without one', async () => {
    const { process } = machine();
    await dieAt(process(), 'package a');
    await process().at('package a', 'the package a', async () => {});
    await dieAt(process(), 'package a');
    assert.equal(await process().at('package a', 'the package a', async () => 'read'), 'read');
  });

  it('is tried again after a day', async () => {
    const { clock, process } = machine();
    await dieAt(process(), 'package a');
    await dieAt(process(), 'package a');
    clock.pass(DAY_MS);
    assert.equal(await process().at('package a', 'the package a', async () => 'read'), 'read');
  });

  it('is tried at once after smm-agent retry', async () => {
    const { process } = machine();
    for (let death = 0; death < 2; death++) await dieAt(process(), 'package a');
    await assert.rejects(
      process().at('package a', 'the package a', async () => 'read'),
      /SMM513|died 2 times/,
    );
    assert.deepEqual(await process().clear(), ['the package a: the agent died 2 times while it used this']);
    assert.equal(await process().at('package a', 'the package a', async () => 'read'), 'read');
  });

  it('is not blamed for a process that was stopped in order', async () => {
    const { process } = machine();
    for (let times = 0; times < 3; times++) {
      const risks = process();
      await dieAt(risks, 'package a');
      await risks.endInOrder();
    }
    assert.equal(await process().at('package a', 'the package a', async () => 'read'), 'read');
  });
});
