/**
 * The daemon, ended by SIGKILL at each named point of adoption, staging and cleaning, on the real mesh: the next start
 * does what is left, and Istio never notices. Then the whole machine at a few of the points.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Checkpoint, RELEASE_CHECKPOINTS } from '../../../src/host/files/checkpoints.ts';
import { AgentVm, upgradeControlPlane } from '../agent-vm.ts';
import type { Lab } from '../lab/lab.ts';
import { untilServing } from '../lab/machine/mesh-vm.ts';
import { startOwnLab } from '../lab/mesh/control-plane.ts';
import { until } from '../lab/until.ts';

const KILL = '/run/smm-test-kill';
const ISTIO = '/opt/smm-agent/istio';
const STATE = '/var/lib/smm-agent';
const DROP_IN = '/etc/systemd/system/istio.service.d/zz-smm-agent.conf';
const PATIENCE_MS = 60_000;

/** `:n` is the n-th time that a point is passed: both write files and links. */
const ADOPTION: readonly (Checkpoint | `${Checkpoint}:${number}`)[] = [
  'file-temporary-written',
  'file-renamed',
  'file-temporary-written:4',
  'file-renamed:7',
  'stage-folder-made',
  'adopt-copied',
  'stage-marked',
  'stage-renamed',
  'adopt-renamed',
  'link-temporary-made',
  'link-renamed',
];
const STAGING: readonly (Checkpoint | `${Checkpoint}:${number}`)[] = [
  'download-begun',
  'download-halfway',
  'download-complete',
  'download-renamed',
  'stage-folder-made',
  'stage-unpacked',
  'stage-configured',
  'stage-tried',
  'stage-marked',
  'stage-old-moved-away',
  'stage-renamed',
  'link-temporary-made',
  'link-renamed',
];
const CLEANING: readonly Checkpoint[] = ['clean-moved-away', 'clean-marker-removed'];

describe('an agent that is killed', () => {
  let lab: Lab;
  let end: () => Promise<void>;
  let vm: AgentVm;
  let processes: string[] = [];

  before(async () => {
    ({ lab, end } = await startOwnLab());
    vm = await AgentVm.make(lab, { name: 'kills', version: '1.31.0', envoy: '1.39.3' });
    await vm.machine.sh('mkdir -p /etc/systemd/system/smm-agent.service.d; systemctl enable -q istio');
    await vm.machine.writeFile(
      '/etc/systemd/system/smm-agent.service.d/test.conf',
      `[Service]\nRestartSec=100ms\nEnvironmentFile=-${KILL}\n`,
    );
    await vm.machine.sh('systemctl daemon-reload');
    processes = await vm.istioProcesses();
    await vm.publish('1.31.1', '1.40.0');
  });
  after(async () => {
    await vm?.end();
    await end?.();
  });

  /** Starts the daemon and returns once it was killed there; from then on nothing is killed any more. */
  async function killedAt(point: string): Promise<void> {
    const { machine } = vm;
    const shown = await machine.sh('journalctl --show-cursor -n 0 -o cat -u smm-agent');
    const cursor = shown.trim().replace('-- cursor: ', '');
    const killed = async () =>
      (await machine.sh(`journalctl -o cat -u smm-agent --after-cursor='${cursor}'`)).includes('status=9/KILL');
    await machine.writeFile(KILL, `SMM_TEST_KILL_AT=${point}\n`);
    await machine.exec(['systemctl', 'start', '--no-block', 'smm-agent']);
    await until(`${point} to be passed`, killed, PATIENCE_MS);
    // What stands there is of a daemon before; one that was killed twice before this counts as two deaths at one input.
    await machine.sh(`rm -f ${KILL} /run/smm-agent/status.json /run/smm-agent/risky-inputs.json`);
  }

  /** As before the package was installed, but for the running Istio, which nothing has touched. */
  const unadopt = () =>
    vm.machine.sh(`systemctl stop smm-agent; rm -f ${DROP_IN}; systemctl daemon-reload
      find ${ISTIO} ${STATE} /var/cache/smm-agent -mindepth 1 -delete`);

  /** Adopted, and nothing of the next version there. */
  const unstage = () =>
    vm.machine.sh(`systemctl stop smm-agent; rm -rf ${ISTIO}/staged ${ISTIO}/releases/1.31.1-* /var/cache/smm-agent/*`);

  const releases = async () => (await vm.machine.sh(`ls -A ${ISTIO}/releases`)).trim().split('\n');

  /**
   * Every file is what release.json says, by its digest: read on the host, since the machine's programs could be what
   * is wrong.
   */
  function assertSound(id: string): void {
    const folder = join(vm.machine.root, ISTIO, 'releases', id);
    const { files } = JSON.parse(readFileSync(join(folder, 'release.json'), 'utf8')) as {
      files: Record<string, { sha256: string }>;
    };
    for (const [name, { sha256 }] of Object.entries(files)) {
      const digest = createHash('sha256')
        .update(readFileSync(join(folder, name)))
        .digest('hex');
      assert.equal(digest, sha256, `${name} of ${id}`);
    }
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.startsWith('.')),
      [],
    );
  }

  async function assertAdopted(): Promise<void> {
    const { istio } = await vm.until(
      'the adoption to be complete',
      ({ agent, istio: { active }, restart }) => active !== null && restart.pending === 'no' && agent.state === 'ready',
    );
    assert.deepEqual(await releases(), [istio.active?.id]);
    assert.equal(await vm.machine.sh(`ls -A ${ISTIO}`), 'active\nreleases\n');
    // By definition for the scripts; the agent, killed before it noted that, does so when Istio is up for a minute.
    const confirmed = () => vm.machine.sh(`ls ${STATE}/istio/confirmed`);
    await until('it to be confirmed', confirmed, PATIENCE_MS, (names) => names.trim() === istio.active?.id);
    assert.match(await vm.machine.sh('systemctl show -P ExecStart istio'), /istio\/active\/istio-start\.sh/);
    assertSound(istio.active?.id ?? '');
  }

  async function assertStaged(): Promise<void> {
    const { istio } = await vm.staged('1.31.1');
    assert.deepEqual(await releases(), [istio.active?.id, istio.staged?.id]);
    assert.equal(await vm.machine.sh(`ls -A ${ISTIO}`), 'active\nreleases\nstaged\n');
    assert.equal(await vm.machine.sh('ls -A /var/cache/smm-agent'), '', 'the package is not needed any more');
    assertSound(istio.staged?.id ?? '');
  }

  it('is killed at every point there is', () => {
    const hit = new Set([...ADOPTION, ...STAGING, ...CLEANING].map((point) => point.split(':')[0]));
    assert.deepEqual(hit, new Set(RELEASE_CHECKPOINTS));
  });

  for (const point of ADOPTION) {
    it(`at ${point} of an adoption, adopts all the same`, async () => {
      await unadopt();
      await killedAt(point);
      await assertAdopted();
      assert.deepEqual(await vm.istioProcesses(), processes);
    });
  }

  for (const [index, point] of STAGING.entries()) {
    it(`at ${point} while it stages, stages all the same`, async () => {
      if (index === 0) await upgradeControlPlane(lab, 'default', '1.31.1');
      await unstage();
      await killedAt(point);
      await assertStaged();
      assert.deepEqual(await vm.istioProcesses(), processes);
    });
  }

  for (const point of CLEANING) {
    it(`at ${point} while it cleans up, leaves what is needed and the newest of the rest`, async () => {
      const { istio } = await vm.staged('1.31.1');
      const spare = ['1.29.0-aaaaaaaaaaaa', '1.29.1-bbbbbbbbbbbb'];
      await vm.machine.sh(`systemctl stop smm-agent; cd ${ISTIO}/releases
        for id in ${spare.join(' ')}; do
          [ -e $id ] || cp -a ${istio.staged?.id} $id
          sed -i "s/${istio.staged?.id}/$id/; s/\\"istioVersion\\": \\"[^\\"]*\\"/\\"istioVersion\\": \\"\${id%-*}\\"/" $id/release.json
        done`);
      await killedAt(point);
      const wanted = [spare[1], istio.active?.id, istio.staged?.id];
      await until('the rest to be gone', releases, PATIENCE_MS, (names) => names.join() === wanted.join());
      await vm.staged('1.31.1');
      assert.deepEqual(await vm.istioProcesses(), processes);
      await vm.machine.sh(`rm -rf ${ISTIO}/releases/${spare[1]}`);
    });
  }

  for (const point of [
    'download-halfway',
    'stage-unpacked',
    'stage-marked',
    'stage-renamed',
    'link-renamed',
  ] as const) {
    it(`at ${point}, and the whole machine with it, stages after the boot`, async () => {
      await unstage();
      await killedAt(point);
      await vm.machine.powerCut();
      await vm.machine.writeFile('/var/run/secrets/tokens/istio-token', await istioToken());
      await untilServing(lab, vm.machine, { group: vm.group, namespace: vm.namespace, revision: 'default' });
      const { istio, restart } = await vm.until(
        'the next release to be staged or, had it been in time for the boot, to run',
        (status) =>
          status.agent.state === 'ready' &&
          [status.istio.staged?.istioVersion, status.istio.running?.istioVersion].includes('1.31.1'),
      );
      assert.equal(restart.pending, istio.staged === null ? 'no' : 'yes');
      assertSound(istio.staged?.id ?? istio.active?.id ?? '');
    });
  }

  /** Nothing on a machine renews it, and /var/run is empty after a boot. */
  function istioToken(): Promise<string> {
    return lab.kube.mintToken(vm.namespace, vm.group, { audience: 'istio-ca' });
  }
});
