import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, describe, it } from 'node:test';
import { consumeOutput } from '../../../src/host/programs/program-output.ts';
import { run } from '../../../src/host/programs/programs.ts';
import { until } from '../../support/until.ts';

const folder = mkdtempSync(join(tmpdir(), 'smm-programs-'));
after(() => rmSync(folder, { recursive: true }));

const sh = (script: string): [string, ...string[]] => ['sh', '-c', script];
/** Far longer than any wait below may take. */
const HEIR = 'sleep 60 & echo $! >"$PID_FILE"';

/** What the work has taken in ms, with its outcome. */
async function timed<T>(work: Promise<T>): Promise<{ outcome: PromiseSettledResult<T>; ms: number }> {
  const fromMs = performance.now();
  const [outcome] = await Promise.allSettled([work]);
  return { outcome, ms: performance.now() - fromMs };
}

function codeOf(outcome: PromiseSettledResult<unknown>): string {
  assert.equal(outcome.status, 'rejected');
  return (outcome.reason as { code: string }).code;
}

let heirs = 0;
const pidFile = () => ({ PID_FILE: join(folder, `heir-${heirs++}`) });
const hasGone = (env: { PID_FILE: string }) =>
  until('the child to be gone', () => {
    const pid = readFileSync(env.PID_FILE, 'utf8').trim();
    const stat = (() => {
      try {
        return readFileSync(`/proc/${pid}/stat`, 'utf8');
      } catch {
        return '';
      }
    })();
    return stat === '' || / Z /.test(stat);
  });

describe('a program that is run', () => {
  it('has ended when it has ended, though a child of it keeps its output open', async () => {
    const env = pidFile();
    const { outcome, ms } = await timed(run(sh(`${HEIR}; echo said; exit 0`), { env, timeoutMs: 20_000 }));
    assert.ok(outcome.status === 'fulfilled');
    assert.deepEqual([outcome.value.status, outcome.value.stdout], [0, 'said\n']);
    assert.ok(ms < 5_000, `${ms} ms`);
    await hasGone(env);
  });

  it('is killed at its deadline together with its children, and not waited for', async () => {
    const env = pidFile();
    const { outcome, ms } = await timed(run(sh(`${HEIR}; wait`), { env, timeoutMs: 200 }));
    assert.equal(codeOf(outcome), 'SMM502');
    assert.ok(ms < 5_000, `${ms} ms`);
    await hasGone(env);
  });

  it('is not waited for where a child has left the group and holds the output', async () => {
    const { outcome, ms } = await timed(run(sh('setsid sleep 4 & exit 3'), { timeoutMs: 20_000 }));
    assert.ok(outcome.status === 'fulfilled');
    assert.equal(outcome.value.status, 3);
    assert.ok(ms < 3_500, `${ms} ms`);
  });

  it('is ended on abort, and fails with the reason of the abort', async () => {
    const ending = new AbortController();
    const env = pidFile();
    const work = timed(run(sh(`${HEIR}; wait`), { env, signal: ending.signal }));
    await until('the program to run', () => {
      try {
        return readFileSync(env.PID_FILE, 'utf8') !== '';
      } catch {
        return false;
      }
    });
    ending.abort(new Error('the daemon ends'));
    const { outcome } = await work;
    assert.ok(outcome.status === 'rejected');
    assert.equal(String(outcome.reason), 'Error: the daemon ends');
    await hasGone(env);
  });

  it('says all that it has said, up to the last byte, and takes its input', async () => {
    const input = 'x'.repeat(1_000_000);
    const { stdout, status } = await run(['cat'], { input });
    assert.equal(status, 0);
    assert.equal(stdout, input);
    assert.equal(codeOf((await timed(run(['/no/such/program']))).outcome), 'SMM501');
  });
});

describe('a program whose output is consumed as it comes', () => {
  it('has ended when it has ended, though a child of it keeps its output open', async () => {
    const env = pidFile();
    const work = consumeOutput(sh(`${HEIR}; echo said; exit 0`), { env, timeoutMs: 20_000 }, (out) => text(out));
    const { outcome, ms } = await timed(work);
    assert.ok(outcome.status === 'fulfilled', String(outcome));
    assert.equal(outcome.value, 'said\n');
    assert.ok(ms < 10_000, `${ms} ms`);
    await hasGone(env);
  });

  it('is killed at its deadline together with its children, and not waited for', async () => {
    const env = pidFile();
    const work = consumeOutput(sh(`${HEIR}; echo said; wait`), { env, timeoutMs: 200 }, (out) => text(out));
    const { outcome, ms } = await timed(work);
    assert.equal(codeOf(outcome), 'SMM502');
    assert.ok(ms < 5_000, `${ms} ms`);
    await hasGone(env);
  });

  it('is told by its own status, not by what the reader makes of an output that was cut off', async () => {
    const tooShort = async (out: NodeJS.ReadableStream) => {
      await text(out);
      throw new Error('ends too early');
    };
    const work = consumeOutput(sh('echo half; echo "disk error" >&2; exit 2'), { timeoutMs: 20_000 }, tooShort);
    await assert.rejects(work, { code: 'SMM503', message: /status 2: disk error/ });
    const read = consumeOutput(sh('echo half; exit 0'), { timeoutMs: 20_000 }, tooShort);
    await assert.rejects(read, /ends too early/);
  });

  it('is killed when its reader gives up', async () => {
    const giveUp = async (out: NodeJS.ReadableStream) => {
      for await (const _ of out) throw new Error('not for us');
    };
    await assert.rejects(consumeOutput(['yes'], { timeoutMs: 20_000 }, giveUp), /not for us/);
  });
});
