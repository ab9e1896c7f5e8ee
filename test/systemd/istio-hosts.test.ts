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

describe('/etc/hosts at a start of Istio', () => {
  const rows: { what: string; hosts: string; active?: string; staged?: string; expected: string }[] = [
    { what: 'gets the line', hosts: '127.0.0.1 localhost\n', expected: `127.0.0.1 localhost\n${OLD} # smm-agent\n` },
    {
      what: 'gets the line after a last line without an end',
      hosts: '127.0.0.1 localhost',
      expected: `127.0.0.1 localhost\n${OLD} # smm-agent\n`,
    },
    { what: 'is left alone when the line is there', hosts: `${OLD} # smm-agent\n`, expected: `${OLD} # smm-agent\n` },
    {
      what: "is left alone when an operator's line says the same",
      hosts: `10.0.0.1\tother istiod.istio-system.svc # mine\n`,
      expected: `10.0.0.1\tother istiod.istio-system.svc # mine\n`,
    },
    {
      what: "gets our line before an operator's with another address, which stays",
      hosts: '127.0.0.1 localhost\n10.9.9.9 istiod.istio-system.svc\n',
      expected: `127.0.0.1 localhost\n${OLD} # smm-agent\n10.9.9.9 istiod.istio-system.svc\n`,
    },
    {
      what: 'gets the new address of the same host',
      hosts: '10.0.0.9 istiod.istio-system.svc # smm-agent\n',
      expected: `${OLD} # smm-agent\n`,
    },
    {
      what: 'keeps the line of what is staged',
      hosts: `${NEW} # smm-agent\n${OLD} # smm-agent\n`,
      staged: NEW,
      expected: `${NEW} # smm-agent\n${OLD} # smm-agent\n`,
    },
    { what: 'loses a line of ours that nothing needs', hosts: `${NEW} # smm-agent\n${OLD}\n`, expected: `${OLD}\n` },
    { what: 'keeps an unmarked line that nothing needs', hosts: `${NEW}\n${OLD}\n`, expected: `${NEW}\n${OLD}\n` },
    { what: 'is left alone when the release has no line', hosts: 'x\n', active: '', expected: 'x\n' },
    { what: 'never gets anything else', hosts: 'x\n', active: '10.0.0.1 a b; rm -rf /', expected: 'x\n' },
  ];
  for (const { what, hosts, active, staged, expected } of rows) {
    it(what, () => {
      using machine = machineWith(hosts, active, staged);
      assert.equal(after(machine), expected);
      assert.equal(after(machine), expected, 'the second time changes nothing');
    });
  }

  it('keeps its mode, and is replaced in one step', () => {
    using machine = machineWith('127.0.0.1 localhost\n');
    chmodSync(machine.at('etc/hosts'), 0o640);
    const before = statSync(machine.at('etc/hosts')).ino;
    after(machine);
    assert.equal(statSync(machine.at('etc/hosts')).mode & 0o7777, 0o640);
    assert.notEqual(statSync(machine.at('etc/hosts')).ino, before);
    assert.deepEqual(readdirSync(machine.at('etc')), ['hosts']);
  });

  it('may be a link, whose target is replaced', () => {
    using machine = machineWith('');
    machine.file('etc/real-hosts', '127.0.0.1 localhost\n');
    rmSync(machine.at('etc/hosts'));
    symlinkSync('real-hosts', machine.at('etc/hosts'));
    after(machine);
    assert.equal(machine.read('etc/real-hosts'), `127.0.0.1 localhost\n${OLD} # smm-agent\n`);
    assert.ok(lstatSync(machine.at('etc/hosts')).isSymbolicLink());
  });

  /** A mount of its own, as in containers: rename(2) says EBUSY, which mv(1) passes on with this status. */
  const mounted = (machine: ScriptMachine) => {
    const busy = `[ "$4" != '${machine.at('etc/hosts')}' ] && [ "$3" != '${machine.at('etc/hosts')}' ]`;
    return machine.program('mv', `${busy} || exit 1\nexec /usr/bin/mv "$@"`);
  };
  const COPY = 'var/lib/smm-agent/istio/hosts-in-place';

  it('is written in place where it is a mount of its own, and no copy stays', () => {
    using machine = mounted(machineWith('127.0.0.1 localhost\n'));
    const before = statSync(machine.at('etc/hosts')).ino;
    assert.equal(after(machine), `127.0.0.1 localhost\n${OLD} # smm-agent\n`);
    assert.equal(statSync(machine.at('etc/hosts')).ino, before);
    assert.deepEqual(readdirSync(machine.at('etc')), ['hosts']);
    assert.equal(machine.read(COPY), null);
  });

  it('is written in full after a kill in the middle of that', () => {
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

  it('is not made what it was once others have written it since a kill', () => {
    using machine = mounted(machineWith('127.0.0.1 localhost\n'));
    machine.run('istio-hosts', [], { SMM_TEST_KILL_AT: 'hosts-in-place-begun' });
    machine.file('etc/hosts', '127.0.0.1 other\n');
    assert.equal(after(machine), `127.0.0.1 other\n${OLD} # smm-agent\n`);
    assert.equal(machine.read(COPY), null);
  });

  it('keeps every line of others, whatever they hold', () => {
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
