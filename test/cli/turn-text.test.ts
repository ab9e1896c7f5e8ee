import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { showTurn } from '../../src/cli/turn-text.ts';

function screen(isTTY: boolean) {
  const writes: string[] = [];
  return { writes, show: showTurn({ isTTY, write: (text) => writes.push(text) }) };
}

const MIB = 1024 * 1024;

describe('the progress of a download', () => {
  const pieces = Array.from({ length: 1600 }, (_, index) => (index + 1) * 65_536);

  it('is one line at a terminal, rewritten for each percent and not for each piece', () => {
    const { writes, show } = screen(true);
    for (const bytes of pieces) show({ kind: 'progress', bytes, total: 100 * MIB });
    assert.equal(writes.length, 101);
    assert.equal(writes[0], '\r\x1b[K  0 % of 100.0 MiB');
    assert.equal(writes.at(-1), '\r\x1b[K  100 % of 100.0 MiB');
  });

  it('counts MiB if the server does not send the length', () => {
    const { writes, show } = screen(true);
    for (const bytes of pieces.slice(0, 32)) show({ kind: 'progress', bytes, total: null });
    assert.deepEqual(writes, ['\r\x1b[K  0 MiB', '\r\x1b[K  1 MiB', '\r\x1b[K  2 MiB']);
  });

  it('is overwritten by the next line', () => {
    const { writes, show } = screen(true);
    show({ kind: 'progress', bytes: MIB, total: MIB });
    show({ kind: 'done', step: 'stage', text: 'staged Istio 1.31.1' });
    show({ kind: 'done', step: 'confirm', text: 'confirmed' });
    assert.deepEqual(writes.slice(1), ['\r\x1b[K✓ staged Istio 1.31.1\n', '✓ confirmed\n']);
  });

  it('is not shown in a file or a pipe', () => {
    const { writes, show } = screen(false);
    for (const bytes of pieces) show({ kind: 'progress', bytes, total: 100 * MIB });
    show({ kind: 'failed', step: 'stage', text: 'cannot unpack it', remedy: 'update dpkg' });
    assert.deepEqual(writes, ['✗ cannot unpack it\n  what to do: update dpkg\n']);
  });
});
