import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { describe, it } from 'node:test';
import { installDropIn } from '../../../src/istio/activation/drop-in.ts';
import { giveUnitFileBack, keepUnitFile, lookAtUnitFile } from '../../../src/istio/activation/kept-unit.ts';
import { UnitMachine } from './unit-machine.ts';

const look = async (machine: UnitMachine) => lookAtUnitFile(machine.paths, await machine.unit());

describe('the unit file of an adopted Istio', () => {
  it('is kept when its package goes, and given back when that comes back', async () => {
    using machine = new UnitMachine();
    const { unitFile, keptUnitFile } = machine.paths.istio;
    await installDropIn(machine.paths, machine, 'boot-1');
    assert.equal(await look(machine), 'there');
    const text = readFileSync(unitFile, 'utf8');
    rmSync(unitFile);
    assert.equal(await look(machine), 'gone');
    await keepUnitFile(machine.paths, machine);
    assert.ok(readFileSync(keptUnitFile, 'utf8').endsWith(text));
    assert.equal(await look(machine), 'there');
    machine.write(unitFile, text);
    assert.equal(await look(machine), 'back');
    await giveUnitFileBack(machine.paths, machine);
    assert.equal(existsSync(keptUnitFile), false);
    assert.equal(await look(machine), 'there');
  });

  it('is not replaced once Istio is stopped', async () => {
    using machine = new UnitMachine();
    await installDropIn(machine.paths, machine, 'boot-1');
    rmSync(machine.paths.istio.unitFile);
    machine.state = { activeState: 'inactive' };
    assert.equal(await look(machine), 'there');
  });

  it('that an operator has put into its place is left alone', async () => {
    using machine = new UnitMachine();
    await installDropIn(machine.paths, machine, 'boot-1');
    machine.write(machine.paths.istio.keptUnitFile, '[Service]\nExecStart=/bin/true\n');
    assert.equal(await look(machine), 'there');
  });
});
