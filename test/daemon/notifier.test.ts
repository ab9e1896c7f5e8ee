import assert from 'node:assert/strict';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { notifierFor } from '../../src/daemon/notifier.ts';
import { run } from '../../src/host/programs/programs.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { until } from '../support/until.ts';

/**
 * systemd-notify under a systemd that loses messages, like a systemd before 246 (systemd issue 2737): `loses` is a
 * condition of the shell over the number `n` of a message, from 1. Those that systemd takes are lines of the file
 * `taken`.
 */
async function scene(loses: string) {
  const folder = await temporaryFolder();
  const program = join(folder.path, 'systemd-notify');
  const script = `#!/bin/sh
cd '${folder.path}'
echo "$*" >>sent
n=$(wc -l <sent)
[ ${loses} ] || echo "$*" >>taken
`;
  await writeFile(program, script);
  await chmod(program, 0o755);
  const before = process.env.PATH;
  process.env.PATH = `${folder.path}:${before}`;
  const lines = async (name: string) =>
    (await readFile(join(folder.path, name), 'utf8').catch(() => '')).split('\n').filter(Boolean);
  const clock = new ManualClock();
  const ending = new AbortController();
  const warnings: string[] = [];
  const say = (sentence: string) => void warnings.push(sentence);
  const notifier = notifierFor(join(folder.path, 'socket'), {
    log: { debug: say, info: say, warn: say, error: say },
    clock,
    runProgram: (argv, options) => run(argv, { ...options, env: { ...options?.env, PATH: process.env.PATH ?? '' } }),
    signal: ending.signal,
  });
  return {
    notifier,
    clock,
    warnings,
    taken: () => lines('taken'),
    /** Lets time pass until `accept` is true for a message that systemd has taken. */
    passUntil: (accept: (taken: string) => boolean) =>
      until(
        'a message that systemd takes',
        async () => {
          clock.pass(500);
          return (await lines('taken')).find(accept);
        },
        Boolean,
        20_000,
      ),
    [Symbol.asyncDispose]: async () => {
      ending.abort(new Error('the test is over'));
      process.env.PATH = before;
      await folder[Symbol.asyncDispose]();
    },
  };
}

describe('the notifier, while systemd loses messages', () => {
  it('repeats READY with the present status, until the timeout of a start', async () => {
    await using run = await scene('"$n" -le 3');
    await run.notifier.ready('started');
    assert.deepEqual(await run.taken(), []);
    await run.notifier.status('ready; Istio 1.31.1');
    await run.passUntil((message) => /--ready .*--status=ready; Istio 1\.31\.1$/.test(message));
    assert.deepEqual(run.warnings, []);
  });

  it('feeds the watchdog for its process, and repeats a lost status with that message', async () => {
    await using run = await scene('"$n" -eq 2');
    await run.notifier.ready('started');
    await run.notifier.status('ready; Istio 1.31.1');
    await run.notifier.watchdog();
    const [, feed] = await run.taken();
    assert.equal(feed, `--pid=${process.pid} --status=ready; Istio 1.31.1 WATCHDOG=1`);
  });

  it('sends nothing after the daemon ends', async () => {
    const run = await scene('1 = 2');
    await run.notifier.ready('started');
    await run[Symbol.asyncDispose]();
    run.clock.pass(60_000);
    await setImmediate();
    assert.deepEqual(run.warnings, []);
  });
});
