/**
 * The package and the self-upgrade beside each other, from the real package of 0.1.0 on: what is installed, upgraded
 * to, gone back to and purged, with the state that every version reads.
 */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { packageJson } from '../../../scripts/project.ts';
import { AgentVm } from '../agent-vm.ts';
import type { Lab } from '../lab/lab.ts';
import { startOwnLab } from '../lab/mesh/control-plane.ts';
import { until } from '../lab/until.ts';
import { buildEarlierPackage, EARLIER } from './earlier-package.ts';
import { AgentRepository } from './repository.ts';
import { announce, TWO_MINUTES_MS, UpgradeVm } from './upgrade-vm.ts';

const SHIPPED = packageJson().version;
const AGENT = '/var/lib/smm-agent/agent';
const LINKS = 'readlink /opt/smm-agent/current /opt/smm-agent/previous';
/** 0.1.0 does not know them, and would be idle with them. */
const WITHOUT_NEW_KEYS =
  "sed -i '/^repository:/d; /^  url:/d; /^  caFile: .*root/d' /etc/smm/agent.yaml; cat /etc/smm/agent.yaml";

let lab: Lab;
let end: () => Promise<void>;
let repository: AgentRepository;
let machine: UpgradeVm;

before(async () => {
  ({ lab, end } = await startOwnLab());
  repository = await AgentRepository.make(lab);
  const deb = await buildEarlierPackage(lab.state.folder);
  const vm = await AgentVm.make(lab, { name: 'packages', deb, trustedRoot: repository.root });
  await vm.adopted();
  machine = await UpgradeVm.of(vm, repository);
});
after(async () => {
  await machine?.vm.end();
  await repository?.stop();
  await end?.();
});

const sh = (script: string) => machine.machine.sh(script);

/** Waits for a status of that version in which nothing is on probation. */
const works = (version: string, state = 'ready') =>
  machine.vm.until(
    `smm-agent ${version} to work`,
    ({ agent, istio, upgrade }) =>
      agent.version === version && agent.state === state && istio.running !== null && !upgrade?.probation,
  );

const setRepository = () =>
  sh(`smm-agent set repository.url ${repository.url}
    smm-agent set repository.caFile /root/ca.crt
    systemctl reload smm-agent`);

/** As if it had been installed just now, in place of 0.1.0, and is what the control plane wants. */
async function startAs(version: string): Promise<void> {
  await announce(lab, version);
  await sh(`ln -sfn versions/${EARLIER} /opt/smm-agent/previous
    ln -sfn versions/${version} /opt/smm-agent/current; systemctl restart smm-agent`);
}

async function upgraded(version: string): Promise<void> {
  await announce(lab, version);
  await machine.reconcile();
  await machine.confirmed(version);
}

describe('a machine with smm-agent 0.1.0', () => {
  it('has its package upgraded, and from then on its agent upgrades itself', async () => {
    await works(EARLIER);
    await machine.vm.upgradeAgent(SHIPPED);
    await works(SHIPPED);
    assert.equal(await sh(LINKS), `versions/${SHIPPED}\nversions/${EARLIER}\n`);
    await setRepository();
    await repository.publish('0.2.1');
    await upgraded('0.2.1');
    await machine.assertIstioUntouched();
  });

  it('is rolled back to 0.1.0 where that ran before a bad version: 0.1.0 reads what later versions wrote', async () => {
    // As an upgrade from there would leave it.
    await sh(`systemctl stop smm-agent; ${WITHOUT_NEW_KEYS}
      cp -r /opt/smm-agent/versions/0.2.1 /opt/smm-agent/versions/0.2.2
      echo 'process.exit(1)' >/opt/smm-agent/versions/0.2.2/smm-agent.js
      ln -sfn versions/0.2.2 /opt/smm-agent/current
      printf 'id=0badcafe\nfrom=${EARLIER}\nto=0.2.2\nprevious=\nbegun=2026-11-24T12:00:00.000Z\nboot=%s\ndeadline=%s\nspan=50\n' \
        "$(cat /proc/sys/kernel/random/boot_id)" 9999999 >${AGENT}/probation`);
    await machine.machine.exec(['systemctl', 'start', 'smm-agent']);
    const { istio } = await works(EARLIER);
    assert.notEqual(istio.active, null);
    assert.match(await sh(`cat ${AGENT}/rejected/0.2.2`), /^reason=it ended by itself/m);
    assert.equal(await sh('readlink /opt/smm-agent/current'), `versions/${EARLIER}\n`);
    await machine.assertIstioUntouched();
  });

  it('tells of that as soon as a version runs that keeps a history', async () => {
    await startAs(SHIPPED);
    await works(SHIPPED);
    const told = async () =>
      (await machine.history()).some(({ result, from }) => result === 'put back' && from === '0.2.2');
    await until('the history to tell', told, TWO_MINUTES_MS);
  });

  it('goes back to 0.1.0 by an operator, and forth again', async () => {
    assert.match(
      await sh('smm-agent rollback'),
      /0\.1\.0 has no self-check and no probation: check with smm-agent status that it works/,
    );
    await works(EARLIER);
    await startAs(SHIPPED);
    await works(SHIPPED);
    await machine.assertIstioUntouched();
  });

  it('starts the version before where the current one is damaged, and its package mends it', async () => {
    const program = `/opt/smm-agent/versions/${SHIPPED}/smm-agent.js`;
    await sh(`echo 'what a disk has made of it' >${program}`);
    // It fails once, and only then is looked at.
    await machine.machine.exec(['systemctl', 'restart', 'smm-agent']);
    await works(EARLIER);
    await machine.vm.upgradeAgent(SHIPPED);
    await startAs(SHIPPED);
    await works(SHIPPED);
    await setRepository();
    await upgraded('0.2.1');
    await machine.assertIstioUntouched();
  });

  it('starts the version before where its Node lacks what this machine had', async () => {
    const library = '/etc/a-library';
    const runtime = mkdtempSync(join(tmpdir(), 'smm-runtime-'));
    mkdirSync(join(runtime, 'bin'));
    // As a Node whose library is gone: it ends with 127 for any program.
    const node = `#!/bin/sh\n[ -e ${library} ] || exit 127\nexec /opt/smm-agent/versions/${SHIPPED}/node/bin/node "$@"\n`;
    writeFileSync(join(runtime, 'bin/node'), node, { mode: 0o755 });
    writeFileSync(join(runtime, 'LICENSE'), 'none\n');
    await sh(`touch ${library}`);
    await repository.publishRuntime('99.2.0', runtime);
    await repository.publish('0.2.3', { runtime: '99.2.0' });
    await upgraded('0.2.3');
    await sh(`rm ${library}`);
    await machine.machine.exec(['systemctl', 'restart', 'smm-agent']);
    await machine.said(/0\.2\.3 was rejected: its self-check failed: it ended with status 127/);
    await announce(lab, '0.2.1');
    await machine.reconcile();
    await works('0.2.1');
    await machine.assertIstioUntouched();
    rmSync(runtime, { recursive: true });
  });
});

describe('the package', () => {
  it('that is older leaves the version alone to which the agent has upgraded itself, and says so', async () => {
    const said = await machine.vm.install(await machine.vm.deb(SHIPPED));
    assert.match(said, /smm-agent 0\.2\.1 stays: the agent has upgraded itself to it, and this package brings 0\.2\.0/);
    await works('0.2.1');
    assert.equal(await sh('readlink /opt/smm-agent/current'), 'versions/0.2.1\n');
    await machine.assertIstioUntouched();
  });

  it('that is newer takes its place, says so, and leaves it there to go back to', async () => {
    await announce(lab, '0.3.0');
    const said = await machine.vm.install(await machine.vm.deb('0.3.0'));
    assert.match(said, /0\.3\.0 of this package takes the place of 0\.2\.1/);
    await works('0.3.0');
    assert.equal(await sh(LINKS), 'versions/0.3.0\nversions/0.2.1\n');
    await machine.reconcile();
    assert.equal((await machine.history()).at(-1)?.result, 'installed');
    await machine.assertIstioUntouched();
  });

  it('that is removed and installed again brings an agent that works', async () => {
    const { agent: before } = await works('0.3.0');
    await sh('dpkg --remove smm-agent');
    await machine.vm.upgradeAgent('0.3.0');
    await machine.vm.until('a turn of the new process', ({ agent }) => agent.pid !== before.pid);
    await works('0.3.0');
    await machine.assertIstioUntouched();
  });
});

describe('a version with another format of the state', () => {
  it('migrates it once it is confirmed; an earlier version that can read it takes over after a rollback', async () => {
    await repository.publish('0.5.0', { migrations: [{ to: 2, oldestReader: 1, writes: 'added' }] });
    await upgraded('0.5.0');
    assert.equal(await sh('cat /var/lib/smm-agent/added'), '2\n');
    assert.ok((await machine.since(0)).some((line) => line.startsWith('0.5.0 was here: added')));
    await sh('smm-agent rollback');
    await works('0.3.0', 'rejected');
    await sh('smm-agent retry');
    await works('0.5.0');
    await machine.assertIstioUntouched();
  });

  it('is not gone back from to a version that cannot read it', async () => {
    await repository.publish('0.6.0', {
      migrations: [
        { to: 2, oldestReader: 1, writes: 'added' },
        { to: 3, oldestReader: 3, writes: 'moved' },
      ],
    });
    await upgraded('0.6.0');
    assert.equal(await sh('cat /var/lib/smm-agent/moved'), '3\n');
    const { status, stderr } = await machine.machine.exec(['smm-agent', 'rollback']);
    assert.notEqual(status, 0);
    assert.match(stderr, /smm-agent 0\.5\.0: its self-check failed: state: .*format is 3.*\(SMM702\)/);
    await works('0.6.0');
    await machine.assertIstioUntouched();
  });
});

describe('a purge', () => {
  it('takes every version away', async () => {
    await sh('systemctl stop istio; dpkg --purge smm-agent');
    const left = () =>
      sh('ls -d /opt/smm-agent /var/lib/smm-agent /var/cache/smm-agent /run/smm-agent 2>/dev/null || :');
    assert.equal(await left(), '');
  });
});
