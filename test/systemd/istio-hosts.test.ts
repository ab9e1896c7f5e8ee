import assert from 'node:assert/strict';
import { chmodSync, lstatSync, readdirSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { A, B, ScriptMachine } from './script-machine.ts';

const OLD = '10.0.0.1 istiod.istio-system.svc';
const NEW = '10.0.0.2 istiod-canary.istio-system.svc';

function machineWith(hosts: string, active = OLD, staged = active): ScriptMachine {
  const machine = new ScriptMachine().release(A, { hosts: `${active}\n` }).release(B, { hosts: `${staged}\n` });
  return machine.link('active', A).link('staged', B).file('etc/hosts', hosts);
}

function after(machine: ScriptMachine): string {
  assert.equal(machine.run('istio-hosts').status, 0);
  return machine.read('etc/hosts') ?? '';
}

describe('istio-hosts', () => {
  const rows: { what: string; hosts: string; active?: string; staged?: string; expected: string }[] = [
    {
      what: 'adds the line of the active release',
      hosts: '127.0.0.1 localhost\n',
      expected: `127.0.0.1 localhost\n${OLD} # smm-agent\n`,
    },
    {
      what: 'adds the line after a last line without a line end',
      hosts: '127.0.0.1 localhost',
      expected: `127.0.0.1 localhost\n${OLD} # smm-agent\n`,
    },
    { what: 'changes nothing when the line is there', hosts: `${OLD} # smm-agent\n`, expected: `${OLD} # smm-agent\n` },
    {
      what: "changes nothing when an operator's line has the same address",
      hosts: `10.0.0.1\tother istiod.istio-system.svc # mine\n`,
      expected: `10.0.0.1\tother istiod.istio-system.svc # mine\n`,
    },
    {
      what: "adds the line before an operator's line with another address, which stays",
      hosts: '127.0.0.1 localhost\n10.9.9.9 istiod.istio-system.svc\n',
      expected: `127.0.0.1 localhost\n${OLD} # smm-agent\n10.9.9.9 istiod.istio-system.svc\n`,
    },
    {
      what: 'replaces the old address of the same host in our line',
      hosts: '10.0.0.9 istiod.istio-system.svc # smm-agent\n',
      expected: `${OLD} # smm-agent\n`,
    },
    {
      what: 'keeps the line of the staged release',
      hosts: `${NEW} # smm-agent\n${OLD} # smm-agent\n`,
      staged: NEW,
      expected: `${NEW} # smm-agent\n${OLD} # smm-agent\n`,
    },
    {
      what: 'removes a line with our marker that no release needs',
      hosts: `${NEW} # smm-agent\n${OLD}\n`,
      expected: `${OLD}\n`,
    },
    {
      what: 'keeps a line without our marker that no release needs',
      hosts: `${NEW}\n${OLD}\n`,
      expected: `${NEW}\n${OLD}\n`,
    },
    { what: 'changes nothing when the release has no line', hosts: 'x\n', active: '', expected: 'x\n' },
    {
      what: 'never adds a line of the release that is more than an address and a host',
      hosts: 'x\n',
      active: '10.0.0.1 a b; rm -rf /',
      expected: 'x\n',
    },
  ];
  for (const { what, hosts, active, staged, expected } of rows) {
    it(what, () => {
      using machine = machineWith(hosts, active, staged);
      assert.equal(after(machine), expected);
      assert.equal(after(machine), expected, 'a second run changes nothing');
    });
  }

  it('replaces the file in one step and keeps its mode', () => {
    using machine = machineWith('127.0.0.1 localhost\n');
    chmodSync(machine.at('etc/hosts'), 0o640);
    const before = statSync(machine.at('etc/hosts')).ino;
    after(machine);
    assert.equal(statSync(machine.at('etc/hosts')).mode & 0o7777, 0o640);
    assert.notEqual(statSync(machine.at('etc/hosts')).ino, before);
    assert.deepEqual(readdirSync(machine.at('etc')), ['hosts']);
  });

  it('replaces the target when /etc/hosts is a link', () => {
    using machine = machineWith('');
    machine.file('etc/real-hosts', '127.0.0.1 localhost\n');
    rmSync(machine.at('etc/hosts'));
    symlinkSync('real-hosts', machine.at('etc/hosts'));
    after(machine);
    assert.equal(machine.read('etc/real-hosts'), `127.0.0.1 localhost\n${OLD} # smm-agent\n`);
    assert.ok(lstatSync(machine.at('etc/hosts')).isSymbolicLink());
  });

  /**
   * /etc/hosts is a mount of its own, as in containers: rename(2) fails with EBUSY, and mv(1) ends with this status.
   */
  const mounted = (machine: ScriptMachine) => {
    const busy = `[ "$4" != '${machine.at('etc/hosts')}' ] && [ "$3" != '${machine.at('etc/hosts')}' ]`;
    return machine.program('mv', `${busy} || exit 1\nexec /usr/bin/mv "$@"`);
  };
  const COPY = 'var/lib/smm-agent/istio/hosts-in-place';

  it('writes in place when /etc/hosts is a mount of its own, and leaves no copy', () => {
    using machine = mounted(machineWith('127.0.0.1 localhost\n'));
    const before = statSync(machine.at('etc/hosts')).ino;
    assert.equal(after(machine), `127.0.0.1 localhost\n${OLD} # smm-agent\n`);
    assert.equal(statSync(machine.at('etc/hosts')).ino, before);
    assert.deepEqual(readdirSync(machine.at('etc')), ['hosts']);
    assert.equal(machine.read(COPY), null);
  });

  it('completes the file after a kill while it was written in place', () => {
    for (const size of [0, 1, 20, 47]) {
      using machine = mounted(machineWith('127.0.0.1 localhost\n'));
      machine.run('istio-hosts', [], { SMM_TEST_KILL_AT: 'hosts-in-place-begun' });
      assert.equal(machine.read('etc/hosts'), '127.0.0.1 localhost\n');
      const copy = machine.read(COPY) ?? '';
      machine.file('etc/hosts', copy.slice(0, size));
      assert.equal(after(machine), `127.0.0.1 localhost\n${OLD} # smm-agent\n`, `cut off after ${size} bytes`);
      assert.equal(machine.read(COPY), null);
    }
  });

  it('does not restore the copy when another program has written the file since the kill', () => {
    using machine = mounted(machineWith('127.0.0.1 localhost\n'));
    machine.run('istio-hosts', [], { SMM_TEST_KILL_AT: 'hosts-in-place-begun' });
    machine.file('etc/hosts', '127.0.0.1 other\n');
    assert.equal(after(machine), `127.0.0.1 other\n${OLD} # smm-agent\n`);
    assert.equal(machine.read(COPY), null);
  });

  it('keeps every other line, with any characters', () => {
    const line = fc
      .string({ unit: fc.constantFrom(...'a1.:# \t\\&"\'$*%'), maxLength: 30 })
      .filter((text) => !text.includes('smm-agent'));
    fc.assert(
      fc.property(fc.array(line, { maxLength: 6 }), (lines) => {
        const hosts = lines.map((one) => `${one}\n`).join('');
        using machine = machineWith(hosts);
        const kept = after(machine)
          .split('\n')
          .filter((one) => !one.endsWith('# smm-agent'));
        assert.equal(kept.join('\n'), hosts);
      }),
      { numRuns: 15 },
    );
  });
});
