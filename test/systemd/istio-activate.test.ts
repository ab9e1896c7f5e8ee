import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, lstatSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { A, B, C, ScriptMachine } from './script-machine.ts';

const STATE = 'var/lib/smm-agent/istio';

function staged(): ScriptMachine {
  return new ScriptMachine().release(A, { confirmed: true }).release(B).link('active', A).link('staged', B);
}

describe('istio-activate, while another release is staged', () => {
  it('makes the staged release active', () => {
    using machine = staged();
    assert.equal(machine.start().status, 0);
    assert.equal(machine.linked('active'), B);
    assert.equal(machine.linked('staged'), B);
  });

  it('removes the rules of the old release before it switches', () => {
    using machine = staged();
    machine.file('proc/net/ip_tables_names', 'nat\n');
    machine.program(
      'iptables-legacy-save',
      `readlink '${machine.at('opt/smm-agent/istio/active')}' >>'${machine.at('calls')}'`,
    );
    machine.start();
    assert.ok(machine.calls().includes(`releases/${A}`), machine.calls().join('\n'));
  });

  it('switches even if leftover rules cannot be removed, and says so', () => {
    using machine = staged();
    machine.file('proc/net/ip_tables_names', 'nat\n').program('iptables-legacy-save', 'exit 3');
    assert.match(machine.start().stderr, /cannot remove all leftover rules/);
    assert.equal(machine.linked('active'), B);
  });

  it('does not switch on a held machine', () => {
    using machine = staged().file(`${STATE}/hold`, '');
    assert.match(machine.start().stderr, /is held/);
    assert.equal(machine.linked('active'), A);
  });

  const damages: Record<string, (folder: string) => void> = {
    'has no release.json': (folder) => rmSync(`${folder}/release.json`),
    'lacks Envoy': (folder) => rmSync(`${folder}/bin/envoy`),
    'has an Envoy without execute permission': (folder) => chmodSync(`${folder}/bin/envoy`, 0o644),
    'has a truncated pilot-agent': (folder) => truncateSync(`${folder}/bin/pilot-agent`, 3),
    'lacks its cluster.env': (folder) => rmSync(`${folder}/cluster.env`),
    'has a file whose size is not the one in release.json': (folder) => writeFileSync(`${folder}/mesh`, 'x'),
  };
  for (const [what, damage] of Object.entries(damages)) {
    it(`keeps the old release when the staged one ${what}`, () => {
      using machine = staged();
      damage(machine.at(`opt/smm-agent/istio/releases/${B}`));
      const { status, stderr } = machine.start();
      assert.equal(status, 0);
      assert.match(stderr, /cannot switch to Istio release 1\.31\.1/);
      assert.equal(machine.linked('active'), A);
    });
  }

  it('keeps the old release when nothing can be written', () => {
    using machine = new ScriptMachine().release(A).release(B).link('active', A).link('staged', B);
    machine.file('var/lib/smm-agent', 'a file where a folder should be').file('run/smm-agent', 'likewise');
    assert.equal(machine.start().status, 0);
    assert.equal(machine.linked('active'), A);
  });
});

describe('istio-activate, with nothing staged', () => {
  it('changes nothing', () => {
    using machine = new ScriptMachine().release(A).link('active', A);
    const { status, stderr } = machine.start();
    assert.deepEqual([status, stderr], [0, '']);
    assert.equal(machine.linked('active'), A);
  });

  it('switches to the newest complete and confirmed release when the active one is broken', () => {
    using machine = new ScriptMachine().link('active', '1.29.0-000000000000');
    machine
      .release(A, { confirmed: true, createdAt: 3 })
      .release(B, { createdAt: 4 })
      .release(C, { confirmed: true, createdAt: 2 });
    machine.start();
    assert.equal(machine.linked('active'), A);
  });

  it('prefers a release whose control plane still exists, and takes another one if there is none', () => {
    using machine = new ScriptMachine().link('active', B);
    machine
      .release(A, { confirmed: true, createdAt: 3 })
      .release(C, { confirmed: true, createdAt: 2 })
      .file(`${STATE}/gone/${A}`, '');
    machine.start();
    assert.equal(machine.linked('active'), C);
    rmSync(machine.at(`opt/smm-agent/istio/releases/${C}`), { recursive: true });
    machine.start();
    assert.equal(machine.linked('active'), A);
  });

  it('lets Istio start, with an error in the journal, when no release is complete', () => {
    using machine = new ScriptMachine().link('active', B);
    const { status, stderr } = machine.start();
    assert.equal(status, 0);
    assert.match(stderr, /cannot find any complete and confirmed release/);
  });
});

describe('istio-started', () => {
  it('records what istio-stopped needs to judge the end of this start', () => {
    using machine = new ScriptMachine().release(A).link('active', A).answer('enabled', 'disabled\n');
    machine.start('i-7');
    const record = machine.read('run/smm-agent/istio-started') ?? '';
    for (const line of [
      'uptime=1000',
      'boot=boot-1',
      'invocation=i-7',
      `release=${A}`,
      'unit_file_state=disabled',
      'address=yes',
    ]) {
      assert.ok(record.split('\n').includes(line), `${line} is not in\n${record}`);
    }
  });
});

describe('istio-root-cert', () => {
  it('restores the root certificate if the release has one, and changes nothing otherwise', () => {
    using machine = new ScriptMachine().release(A).link('active', A).file('etc/certs/root-cert.pem', 'old');
    machine.start();
    assert.equal(machine.read('etc/certs/root-cert.pem'), 'old');
    machine.file(`opt/smm-agent/istio/releases/${A}/root-cert.pem`, 'new');
    machine.start();
    assert.equal(machine.read('etc/certs/root-cert.pem'), 'new');
  });

  it('replaces a FIFO or a link to /dev/zero without waiting for it', () => {
    for (const make of ['mkfifo', 'ln -s /dev/zero']) {
      using machine = new ScriptMachine().release(A).link('active', A).file('etc/certs/other', '');
      machine.file(`opt/smm-agent/istio/releases/${A}/root-cert.pem`, 'new');
      const certificate = machine.at('etc/certs/root-cert.pem');
      execFileSync('sh', ['-c', `${make} "$1"; ${make} "$1.new"`, 'make', certificate]);
      const startMs = performance.now();
      machine.start();
      assert.equal(machine.read('etc/certs/root-cert.pem'), 'new');
      assert.ok(lstatSync(certificate).isFile());
      assert.ok(performance.now() - startMs < 20_000);
    }
  });
});

describe('a switch that is killed', () => {
  it('is completed by the next start, for a kill at each mv and rm', () => {
    using unharmed = staged();
    unharmed.countWrites();
    unharmed.start();
    const writes = unharmed.writes();
    assert.ok(writes >= 3, `${writes} writes were seen`);
    for (let nth = 1; nth <= writes; nth++) {
      using machine = staged();
      machine.killAtWrite(nth);
      machine.start();
      assert.equal(machine.writes(), nth, 'it was not killed there');
      assert.ok([A, B].includes(machine.linked('active')), `active is ${machine.linked('active')} after call ${nth}`);
      machine.countWrites();
      machine.start();
      assert.equal(machine.linked('active'), B);
      assert.match(machine.read('run/smm-agent/istio-started') ?? '', new RegExp(`release=${B}`));
    }
  });
});
