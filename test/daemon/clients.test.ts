import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Clients } from '../../src/daemon/clients.ts';
import type { Answer } from '../../src/daemon/socket/protocol.ts';

const OK = { ok: true, text: 'ready' };
const heard = () => {
  const texts: string[] = [];
  const answer = (message: Answer) =>
    void ('event' in message && 'text' in message.event && texts.push(message.event.text));
  return { texts, answer };
};
const learnt = (text: string) => ({ kind: 'learnt', text }) as const;

describe('commands that wait for a turn', () => {
  it('get the events of the first turn after their request, and none of the turn before', async () => {
    const clients = new Clients();
    const { texts, answer } = heard();
    clients.began(['poll']);
    const ended = clients.turn('reconcile', answer);
    clients.tell(learnt('of the poll'));
    clients.finished(OK);
    clients.began(['reconcile']);
    clients.tell(learnt('of the reconcile'));
    clients.finished({ ok: false, text: 'failing' });
    assert.deepEqual(await ended, { ok: false, text: 'failing' });
    assert.deepEqual(texts, ['a turn is under way; this one follows', 'of the reconcile']);
  });

  it('see the progress of a download that they wait for', async () => {
    const clients = new Clients();
    const percents: number[] = [];
    clients.began(['poll']);
    const ended = clients.turn('reconcile', (message) => {
      if ('event' in message && message.event.kind === 'progress') percents.push(message.event.bytes);
    });
    clients.tell({ kind: 'progress', bytes: 50, total: 100 });
    clients.close({ ok: true, text: 'ended' });
    await ended;
    assert.deepEqual(percents, [50]);
  });

  it('are not answered by a turn for another reason', async () => {
    const clients = new Clients();
    let isOver = false;
    void clients.turn('reload', heard().answer).then(() => (isOver = true));
    clients.began(['poll']);
    clients.finished(OK);
    await Promise.resolve();
    assert.equal(isOver, false);
    clients.close(OK);
  });

  it('get the reason why the configuration was refused, before the turn', async () => {
    const clients = new Clients();
    const reading = clients.reading();
    clients.read('agent.yaml:3:1: unknown key "holds"');
    assert.deepEqual(await reading, { ok: false, text: 'agent.yaml:3:1: unknown key "holds"' });
  });

  it('are all answered when the daemon ends', async () => {
    const clients = new Clients();
    const all = [clients.turn('reconcile', heard().answer), clients.turn('reload', heard().answer), clients.reading()];
    clients.began(['reconcile']);
    clients.close({ ok: false, text: 'it ends' });
    for (const one of all) assert.equal((await one).text, 'it ends');
  });
});
