import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { describe, it } from 'node:test';
import { installDropIn, isDropInCurrent } from '../../../src/istio/activation/drop-in.ts';
import { TEMPLATE, UnitMachine } from './unit-machine.ts';

const installed = ({ paths }: UnitMachine) => readFileSync(paths.istio.dropIn, 'utf8');
const install = (machine: UnitMachine) => installDropIn(machine.paths, machine, 'boot-1');

describe('putting the drop-in in', () => {
  it("writes the package's template for this root and has systemd read it", async () => {
    using machine = new UnitMachine();
    assert.equal(await isDropInCurrent(machine.paths), false);
    await install(machine);
    assert.equal(installed(machine), TEMPLATE.replaceAll('/opt/smm-agent', machine.paths.opt));
    assert.equal(machine.calls.at(-1), 'daemon-reload');
    assert.equal(await isDropInCurrent(machine.paths), true);
  });

  for (const activeState of ['activating', 'deactivating'] as const) {
    it(`waits while the unit is ${activeState}`, async () => {
      using machine = new UnitMachine();
      machine.state = { activeState };
      await assert.rejects(install(machine), { code: 'SMM540' });
      assert.ok(!existsSync(machine.paths.istio.dropIn));
    });
  }

  it('waits while a job is queued, and does not reload when one came in between', async () => {
    using machine = new UnitMachine();
    machine.jobs = ['restart'];
    await assert.rejects(install(machine), { code: 'SMM540' });
    machine.jobs = [null, 'stop'];
    await assert.rejects(install(machine), { code: 'SMM540' });
    assert.ok(!machine.calls.includes('daemon-reload'));
    await install(machine);
    assert.equal(machine.calls.at(-1), 'daemon-reload');
  });

  it("keeps an operator's own commands after Istio's end, but not the package's cleaning", async () => {
    using machine = new UnitMachine();
    machine
      .dropIn('override.conf', '[Service]\nExecStopPost=-/bin/sh -c "echo \\\n  gone"\n')
      .dropIn('zzz.conf', '[Service]\nExecStopPost=/bin/true\n');
    await install(machine);
    assert.deepEqual(
      installed(machine)
        .split('\n')
        .filter((line) => line.startsWith('ExecStopPost=')),
      [
        'ExecStopPost=',
        `ExecStopPost=-+${machine.paths.bin}/istio-activate stopped`,
        `ExecStopPost=${machine.paths.active}/istio-start.sh clean`,
        'ExecStopPost=-/bin/sh -c "echo gone"',
      ],
    );
    assert.equal(await isDropInCurrent(machine.paths), true);
    machine.dropIn('override.conf', '[Service]\n');
    assert.equal(await isDropInCurrent(machine.paths), true, 'it never changes again because of them');
  });

  it('is due again when the package brings another template, and not when the package is gone', async () => {
    using machine = new UnitMachine();
    await install(machine);
    machine.write(machine.paths.dropInTemplate, `${TEMPLATE}# more\n`);
    assert.equal(await isDropInCurrent(machine.paths), false);
    rmSync(machine.paths.dropInTemplate);
    assert.equal(await isDropInCurrent(machine.paths), true);
  });

  it('says what to do when the package is damaged', async () => {
    using machine = new UnitMachine();
    rmSync(machine.paths.dropInTemplate);
    await assert.rejects(install(machine), { code: 'SMM541', remedy: /reinstall/ });
  });

  it('notes whether the unit is enabled, for an Istio that runs since before', async () => {
    using machine = new UnitMachine();
    machine.state = { unitFileState: 'disabled' };
    await install(machine);
    assert.match(
      readFileSync(machine.paths.startRecord, 'utf8'),
      /^boot=boot-1\ninvocation=\nunit_file_state=disabled$/m,
    );
    machine.state = { unitFileState: 'enabled' };
    await install(machine);
    assert.match(readFileSync(machine.paths.startRecord, 'utf8'), /=disabled$/m, 'the record of a start is left alone');
  });
});
