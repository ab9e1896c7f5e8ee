/**
 * A machine that loses its release, or the way to it, while everything else stays: Istio runs on from its package, and
 * comes back.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Status } from '../../../src/status/status.ts';
import { AgentVm, upgradeControlPlane } from '../agent-vm.ts';
import { openLab } from '../lab/lab.ts';
import { DYING_ENVOY } from '../lab/parts/istio-package.ts';
import { until } from '../lab/until.ts';

const OWN = '/var/lib/smm-agent/istio/own-configuration.json';
const FOLDER = '/etc/systemd/system/istio.service.d';
const ACL = 'system.posix_acl_access';
const PACKAGE_ENVOY = '/usr/local/bin/envoy';
const RELEASE_ENVOY = /^\/opt\/smm-agent\/istio\/releases\/1\.31\.0-[0-9a-f]{12}\/bin\/envoy$/;

describe('a machine that loses its release', () => {
  const lab = openLab();
  let vm: AgentVm;
  const sh = (script: string) => vm.machine.sh(script);

  before(async () => {
    // As machines are hardened: by CIS benchmarks, by dev-sec.
    vm = await AgentVm.make(lab, {
      name: 'lost',
      prepare: async (machine) => void (await machine.sh('chmod 0750 /opt')),
    });
  });
  after(() => vm?.end());

  const runsFrom = (what: RegExp | string) =>
    until(
      `Envoy to run from ${what}`,
      () => vm.envoy(),
      60_000,
      (exe) => (typeof what === 'string' ? exe === what : what.test(exe ?? '')),
    );
  const isReady = async () => {
    const status = await vm.until(
      'it to be ready',
      ({ agent, istio }) => agent.state === 'ready' && istio.running !== null && istio.running.id === istio.active?.id,
      60_000,
    );
    assert.match((await vm.envoy()) ?? '', RELEASE_ENVOY);
    return status;
  };
  const isAdoptedAndReady = () => vm.until('the drop-in to be in', ({ agent }) => agent.state === 'ready');
  /**
   * The ACL of a folder as the kernel has it (linux/posix_acl_xattr.h), with one entry for istio-proxy: there is no
   * setfacl here.
   */
  const setAcl = (folder: string, mode: number, permission: number) =>
    vm.machine.sh(`uid=$(id -u istio-proxy); python3 - "$uid" <<'END'
import os, struct, sys
entries = [(0x01, ${(mode >> 6) & 7}, 0xffffffff), (0x02, ${permission}, int(sys.argv[1])), (0x04, ${(mode >> 3) & 7}, 0xffffffff),
           (0x10, ${(mode >> 3) & 7}, 0xffffffff), (0x20, ${mode & 7}, 0xffffffff)]
os.setxattr('${folder}', '${ACL}', struct.pack('<I', 2) + b''.join(struct.pack('<HHI', *entry) for entry in entries))
END`);
  const isFailing = (reason: RegExp) =>
    vm.until(`it to be failing: ${reason}`, ({ agent }) => agent.state === 'failing' && reason.test(agent.reason));
  const isStaged = () =>
    vm.until(
      'the lost release to be staged',
      ({ istio, restart }) => istio.staged !== null && restart.pending === 'yes',
    );

  const isBlocked = (reason: RegExp) =>
    vm.until(`it to be blocked: ${reason}`, ({ agent }) => agent.state === 'blocked' && reason.test(agent.reason));

  it('is not adopted while istio-proxy cannot enter /opt, and is as soon as it can', async () => {
    const { istio, agent } = await isBlocked(/\/opt cannot be entered by istio-proxy \(mode 0750, owner 0:0\)/);
    assert.equal(istio.active, null);
    assert.match(agent.reason, /chmod o\+x \/opt, or setfacl -m u:istio-proxy:x \/opt/);
    await sh('chmod 0755 /opt');
    await vm.adopted();
    await isAdoptedAndReady();
  });

  it('has both units wait for the disk that the release is on', async () => {
    for (const unit of ['istio', 'smm-agent']) {
      assert.match(await sh(`systemctl show -P RequiresMountsFor ${unit}`), /\/opt\/smm-agent/);
    }
  });

  it('is blocked by an ACL that keeps istio-proxy out, and by nothing that lets it in', async () => {
    await sh('systemctl restart istio');
    await isReady();
    await setAcl('/opt', 0o755, 0);
    await isBlocked(/\/opt cannot be entered by istio-proxy \(mode 0755/);
    await setAcl('/opt', 0o750, 1);
    await isReady();
  });

  it('starts Istio from its package where istio-proxy cannot get to the release: a restart is no outage', async () => {
    await sh(`python3 -c 'import os; os.removexattr("/opt", "${ACL}")'; chmod 0750 /opt`);
    await isBlocked(/\/opt cannot be entered by istio-proxy/);
    await sh('systemctl restart istio');
    await runsFrom(PACKAGE_ENVOY);
    assert.match(await vm.machine.journal('istio'), /istio-proxy cannot access Istio release 1\.31\.0/);
    await sh('chmod 0755 /opt');
    await vm.until('its release to be staged again', ({ restart }) => restart.pending === 'yes');
    await sh('systemctl restart istio');
    await isReady();
  });

  it('starts Istio from its package, with the agent dead', async () => {
    await sh('systemctl stop smm-agent; rm -rf /opt/smm-agent/istio; systemctl restart istio');
    await runsFrom(PACKAGE_ENVOY);
    assert.match(
      await vm.machine.journal('istio'),
      /no release of Istio can be started: Istio starts from its package/,
    );
    // Without the variables of the drop-in: those of the package count, and its rules go with it.
    const agent = (await vm.machine.processesOf('istio')).find(({ exe }) => exe.endsWith('/pilot-agent'));
    assert.doesNotMatch(await sh(`tr '\\0' '\\n' < /proc/${agent?.pid}/environ`), /smm-agent/);
  });

  it('is failing, with what keeps the release from being made, and the commands', async () => {
    await sh('systemctl start smm-agent');
    const { agent } = await isFailing(/no release is active.*the wanted release cannot be made/);
    assert.match(agent.reason, /run smm-agent reconcile and systemctl restart istio/);
    await vm.condition('SmmAgent', 'False', /no release is active/);
  });

  it('has it made as soon as that can be done, and a restart pending, which brings it', async () => {
    await vm.publish('1.31.0', '1.39.3');
    await sh('smm-agent retry');
    const { agent } = await isStaged();
    assert.equal(agent.state, 'waiting');
    assert.match(agent.reason, /is staged: run systemctl restart istio/);
    await vm.condition('IstioRestartPending', 'True', /package's own files/);
    await sh('systemctl restart istio');
    await isReady();
    await vm.condition('SmmAgent', 'True');
  });

  it('has it made again under an Istio that still runs from the deleted files, in its place', async () => {
    const before = await vm.istioProcesses();
    await sh('rm -rf /opt/smm-agent/istio/releases');
    await isFailing(/deleted or replaced/);
    assert.equal((await vm.istioProcesses()).length, before.length);
    await until(
      'the release to be there',
      () => sh('ls /opt/smm-agent/istio/active/release.json || :'),
      40_000,
      Boolean,
    );
    await sh('systemctl restart istio');
    await isReady();
  });

  it('starts Istio also where all of /opt/smm-agent is lost', async () => {
    await sh('systemctl stop smm-agent; mv /opt/smm-agent /root/kept; systemctl restart istio');
    await runsFrom(PACKAGE_ENVOY);
    await sh('rm -rf /opt/smm-agent; mv /root/kept /opt/smm-agent; systemctl restart istio');
    await runsFrom(RELEASE_ENVOY);
    await sh('systemctl start smm-agent');
    await isReady();
  });

  it('is rolled back from a bad release, with any StartLimitBurst of an operator', async () => {
    await sh(`mkdir -p ${FOLDER}; printf '[Unit]\\nStartLimitIntervalSec=600\\nStartLimitBurst=2\\n[Service]\\nRestartSec=1\\n' > ${FOLDER}/limit.conf
      systemctl daemon-reload; systemctl reset-failed istio`);
    const named = ({ warnings }: Status) => /limit\.conf:3 allows 2 starts of Istio in 600 s/.test(warnings.join());
    await vm.until('the limit to be named', named);
    await vm.publish('1.31.1', '1.40.0', DYING_ENVOY);
    await upgradeControlPlane(lab, 'default', '1.31.1');
    await vm.staged('1.31.1');
    await sh('systemctl restart istio');
    await vm.until(
      'the bad release to be rejected',
      ({ agent }) => /1\.31\.1-\S+ was rejected/.test(agent.reason),
      90_000,
    );
    await runsFrom(RELEASE_ENVOY);
    assert.match(await vm.journal(), /^started istio\.service step=start$/m);
    await sh(`rm ${FOLDER}/limit.conf; systemctl daemon-reload; systemctl reset-failed istio`);
    await upgradeControlPlane(lab, 'default', '1.31.0');
    await isReady();
  });

  it('takes the files of the package again by smm-agent adopt, where the record of its own is lost too', async () => {
    await sh(`systemctl stop smm-agent istio; rm -rf /opt/smm-agent/istio ${OWN}; systemctl start smm-agent`);
    const { agent } = await isFailing(/record of this machine's own configuration is missing.*smm-agent adopt --yes/);
    assert.match(agent.reason, /no release is active/);
    assert.match(await sh('smm-agent adopt'), /made of the files of Istio's package again/);
    await sh('smm-agent adopt --yes');
    await isStaged();
    await sh('systemctl start istio');
    await isReady();
  });
});
