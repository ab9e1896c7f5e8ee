import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseSpanMs } from '../../../src/host/systemd/show.ts';
import { startLimitNote } from '../../../src/istio/activation/start-limit.ts';
import { UNIT } from '../../support/observed.ts';

const FILES = [
  { path: '/lib/systemd/system/istio.service', text: '[Unit]\nDescription=x\n[Service]\nRestartSec=10\n' },
  {
    path: '/etc/systemd/system/istio.service.d/o.conf',
    text: '[Unit]\nStartLimitIntervalSec=300\nStartLimitBurst=3\n',
  },
];
const limited = (burst: number, interval: string, restart = '10s') =>
  startLimitNote(
    { ...UNIT, startLimit: { burst, intervalMs: parseSpanMs(interval) ?? 0, restartMs: parseSpanMs(restart) ?? 0 } },
    FILES,
  );

describe("an operator's limit on the starts of Istio", () => {
  it('is named with file and line where it leaves no room for a rollback', () => {
    assert.match(limited(3, '5min') ?? '', /^\/etc\/\S+\/o\.conf:3 allows 3 starts of Istio in 300 s, .* needs 4:/);
    assert.match(limited(1, 'infinity') ?? '', /allows 1 starts of Istio in all/);
  });

  it("is nothing to say where it leaves room, as systemd's own does, or is never met", () => {
    assert.equal(limited(5, '10s'), null);
    assert.equal(limited(4, '5min'), null);
    assert.equal(limited(0, '5min'), null);
    assert.equal(limited(3, '30s'), null);
    assert.equal(startLimitNote({ ...UNIT, startLimit: null }, FILES), null);
  });

  it('is read as systemd prints it', () => {
    // As `systemctl show -p StartLimitIntervalUSec,RestartUSec` of systemd 252 prints them.
    const rows = [
      ['10s', 10_000],
      ['5min 30s', 330_000],
      ['100ms', 100],
      ['infinity', Infinity],
      ['0', 0],
    ] as const;
    for (const [text, ms] of rows) assert.equal(parseSpanMs(text), ms);
    assert.equal(parseSpanMs(''), null);
    assert.equal(parseSpanMs('3 moons'), null);
  });
});
