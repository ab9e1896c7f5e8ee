import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseStopRecord } from '../../../src/istio/activation/stop-record.ts';
import { A, B, ScriptMachine } from '../../systemd/script-machine.ts';

const UNIT = { activeState: 'inactive', unitFileState: 'enabled' } as const;

/** What the real script writes. */
function recordOf(machine: ScriptMachine, unit: Parameters<typeof parseStopRecord>[3] = UNIT, boot = 'boot-1') {
  const started = machine.read('run/smm-agent/istio-started');
  return parseStopRecord(machine.read('run/smm-agent/istio-stopped') ?? '', started, boot, unit);
}

function ran(jobs: string): ScriptMachine {
  const machine = new ScriptMachine().release(A).release(B).link('active', A);
  machine.start();
  machine.answer('jobs', jobs).stopped('i-1', { result: 'signal', code: 'killed', status: 'SEGV' });
  return machine;
}

describe('the record of the last end', () => {
  it('says that Istio was stopped by hand, and which release ran', () => {
    using machine = ran('1 istio.service stop running\n');
    const record = recordOf(machine);
    assert.deepEqual([record?.kind, record?.words, record?.release], ['stop', 'systemctl stop', A]);
    assert.ok(record?.at instanceof Date);
  });

  it('says that Istio ended by itself', () => {
    using machine = ran('');
    const record = recordOf(machine, { ...UNIT, activeState: 'activating' });
    assert.deepEqual([record?.kind, record?.words], ['own-end', 'the end of its own process (signal killed SEGV)']);
  });

  it('knows a stop out of auto-restart by the unit that does not come up again', () => {
    using machine = ran('');
    assert.match(recordOf(machine)?.words ?? '', /^systemctl stop, while it waited/);
  });

  it('tells whether the unit became disabled since its start', () => {
    using machine = ran('');
    assert.equal(recordOf(machine)?.becameDisabled, false);
    assert.equal(recordOf(machine, { ...UNIT, unitFileState: 'disabled' })?.becameDisabled, true);
    assert.equal(recordOf(machine, { ...UNIT, unitFileState: 'masked' })?.becameDisabled, true);
    machine.file('run/smm-agent/istio-started', 'unit_file_state=disabled\n');
    assert.equal(recordOf(machine, { ...UNIT, unitFileState: 'disabled' })?.becameDisabled, false);
  });

  it('does not count in another boot', () => {
    using machine = ran('');
    assert.equal(recordOf(machine, UNIT, 'boot-2'), null);
  });

  it('is unknown, and no stop by hand, where it is torn', () => {
    assert.equal(parseStopRecord('boot=boot-1\nkind=st', null, 'boot-1', UNIT)?.kind, 'unknown');
  });
});
