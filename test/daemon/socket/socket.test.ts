import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setImmediate as nextRound } from 'node:timers/promises';
import { ask } from '../../../src/daemon/socket/client.ts';
import { listen, type Serve } from '../../../src/daemon/socket/server.ts';
import type { TurnEvent } from '../../../src/turn/events.ts';
import { ManualClock } from '../../support/manual-clock.ts';

/** Like `smm-agent reconcile`: the program ends its turn when it is asked to yield. It is stopped as by Ctrl-Z. */
async function stoppedCommand(path: string): Promise<ChildProcess> {
  const module = `
    import { listen } from '${join(import.meta.dirname, '../../../src/daemon/socket/server.ts')}';
    const busy = await listen('${path}', async ({ do: what }, answer) => {
      answer({ end: { ok: what === 'yield', text: 'at it' } });
      if (what === 'yield') setImmediate(async () => { await busy.close(); process.exit(0); });
    });
    // A turn that is under way.
    setInterval(() => {}, 1_000_000);
    console.log('listens');
  `;
  const argv = ['--input-type=module', '--eval', module];
  const command = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(command.stdout, 'data');
  command.kill('SIGSTOP');
  while (!/^State:\tT/m.test(await readFile(`/proc/${command.pid}/status`, 'utf8'))) await nextRound();
  return command;
}

describe("the daemon's socket", () => {
  let folder = '';
  let path = '';
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'socket-'));
    path = join(folder, 'agent.sock');
  });
  afterEach(() => rm(folder, { recursive: true }));

  const done: Serve = async (request, answer) => {
    answer({ event: { kind: 'learnt', text: request.do } });
    answer({ end: { ok: true, text: 'done' } });
  };

  it('streams the events of the daemon, and then its answer', async () => {
    const server = await listen(path, done);
    const events: TurnEvent[] = [];
    assert.deepEqual(await ask(path, { do: 'reconcile' }, (event) => events.push(event)), { ok: true, text: 'done' });
    assert.deepEqual(events, [{ kind: 'learnt', text: 'reconcile' }]);
    await server.close();
  });

  it('shows that no daemon runs, also if a killed daemon has left its socket', async () => {
    assert.equal(await ask(path, { do: 'reload' }, () => {}), null);
    await writeFile(path, '');
    assert.equal(await ask(path, { do: 'reload' }, () => {}), null);
    const server = await listen(path, done);
    assert.notEqual(await ask(path, { do: 'reload' }, () => {}), null);
    await server.close();
  });

  it('refuses a second agent with an error', async () => {
    const server = await listen(path, done);
    await assert.rejects(listen(path, done), { code: 'SMM505', message: /another smm-agent runs/ });
    assert.notEqual(await ask(path, { do: 'reload' }, () => {}), null, 'the first one still answers');
    await server.close();
    await (await listen(path, done)).close();
  });

  it('is taken over by a daemon from a command, after the command has ended its turn', async () => {
    const asked: string[] = [];
    const command = await listen(path, async (request, answer) => {
      asked.push(request.do);
      answer({ end: { ok: request.do === 'yield', text: 'at it' } });
      if (request.do === 'yield') setImmediate(() => void command.close());
    });
    const daemon = await listen(path, done, { takesOver: true });
    assert.deepEqual(asked, ['yield']);
    assert.deepEqual(await ask(path, { do: 'reload' }, () => {}), { ok: true, text: 'done' });
    await daemon.close();
    assert.equal(existsSync(path), false);
  });

  describe('beside a command that was stopped', () => {
    let command: ChildProcess;
    beforeEach(async () => {
      command = await stoppedCommand(path);
    });
    afterEach(() => command.kill('SIGKILL'));

    it('is taken over in time for systemd, and is kept when the command continues, which then yields', async () => {
      const clock = new ManualClock();
      const beganMs = clock.bootTimeMs();
      const daemon = await clock.passUntil(listen(path, done, { takesOver: true, clock }));
      const tookMs = clock.bootTimeMs() - beganMs;
      assert.ok(tookMs >= 15_000 && tookMs < 20_000, `${tookMs}`);
      assert.deepEqual(await ask(path, { do: 'reload' }, () => {}), { ok: true, text: 'done' });
      const ended = once(command, 'exit');
      command.kill('SIGCONT');
      assert.deepEqual(await ended, [0, null]);
      assert.notEqual(await ask(path, { do: 'reload' }, () => {}), null, "the name is not the command's any more");
      await daemon.close();
      assert.deepEqual(await readdir(folder), ['agent.sock.lock']);
    });

    it('is taken over by only one of two daemons', async () => {
      const clock = new ManualClock();
      const daemon: Serve = async (_, answer) => answer({ end: { ok: false, text: 'this is the daemon' } });
      const takeOver = () => listen(path, daemon, { takesOver: true, clock });
      const begun = await clock.passUntil(Promise.allSettled([takeOver(), takeOver()]));
      const failures = begun.flatMap((one) => (one.status === 'rejected' ? [one.reason.code] : []));
      assert.deepEqual(failures, ['SMM505']);
      for (const one of begun) if (one.status === 'fulfilled') await one.value.close();
    });

    it('is not taken over by another command', async () => {
      await assert.rejects(listen(path, done), { code: 'SMM505' });
    });
  });

  it('is taken over from a command that exits before it answers', async () => {
    const command = createServer((socket) => {
      socket.once('data', () => {
        socket.destroy();
        command.close();
      });
    });
    await new Promise<void>((resolve) => command.listen(path, resolve));
    await (await listen(path, done, { takesOver: true })).close();
  });

  it('is not taken over from another daemon', async () => {
    const server = await listen(path, async (request, answer) => {
      answer({ end: { ok: request.do !== 'yield', text: 'this is the daemon' } });
    });
    await assert.rejects(listen(path, done, { takesOver: true }), { code: 'SMM505' });
    await server.close();
  });

  it('does not depend on a name that any user of the machine can take', async () => {
    const squatter = createServer();
    await new Promise<void>((resolve) => squatter.listen(`\0smm-agent${path}`, resolve));
    await (await listen(path, done)).close();
    await new Promise((resolve) => squatter.close(resolve));
  });

  it('closes even if a client never sends a request', async () => {
    const server = await listen(path, done);
    const silent = createConnection(path);
    await once(silent, 'connect');
    await server.close();
    silent.destroy();
  });

  it('answers all waiting clients before it closes', async () => {
    const [asked, over] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const server = await listen(path, async (_, answer) => {
      asked.resolve();
      await over.promise;
      answer({ end: { ok: false, text: 'it ends' } });
    });
    const answered = ask(path, { do: 'reconcile' }, () => {});
    await asked.promise;
    over.resolve();
    await server.close();
    assert.deepEqual(await answered, { ok: false, text: 'it ends' });
  });

  it('survives a client that disconnects in the middle of a turn', async () => {
    const [asked, gone] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const server = await listen(path, async (_, answer) => {
      asked.resolve();
      await gone.promise;
      answer({ event: { kind: 'learnt', text: 'no client reads this' } });
      answer({ end: { ok: true, text: 'nor this' } });
    });
    const client = createConnection(path);
    client.write('{"do":"reconcile"}\n');
    await asked.promise;
    client.destroy();
    await once(client, 'close');
    gone.resolve();
    await server.close();
  });

  it('lets only one of several agents start', async () => {
    const begun = await Promise.allSettled([listen(path, done), listen(path, done), listen(path, done)]);
    const servers = begun.filter((one) => one.status === 'fulfilled');
    assert.equal(servers.length, 1);
    for (const { value } of servers) await value.close();
  });

  it('is accessible to its owner only', async () => {
    const server = await listen(path, done);
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    await server.close();
  });

  it('rejects when the daemon ends before its answer', async () => {
    const server = await listen(path, async () => {});
    await assert.rejects(
      ask(path, { do: 'reconcile' }, () => {}),
      { code: 'SMM506' },
    );
    await server.close();
  });

  it('answers an invalid request with an error', async () => {
    const server = await listen(path, done);
    const socket = createConnection(path);
    socket.write('{"do":"rm"}\n');
    let text = '';
    for await (const part of socket) text += String(part);
    assert.match(text, /cannot understand the request/);
    await server.close();
  });
});
