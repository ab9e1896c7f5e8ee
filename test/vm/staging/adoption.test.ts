/**
 * A running Istio of the official package with an operator's own settings: adopted without a restart, and what becomes
 * of it afterwards.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { AgentVm } from '../agent-vm.ts';
import { openLab } from '../lab/lab.ts';
import type { Machine } from '../lab/machine/machine.ts';
import { installIstio, isHealthy, untilServing } from '../lab/machine/mesh-vm.ts';
import { makeIstioDeb } from '../lab/parts/istio-package.ts';
import { until } from '../lab/until.ts';

const CLUSTER_ENV = '/var/lib/istio/envoy/cluster.env';
const MESH = '/etc/istio/config/mesh';
const ACTIVE = '/opt/smm-agent/istio/active';
const OVERRIDE = `[Service]
Environment="ISTIO_AGENT_FLAGS=--log_output_level=default:warn"
EnvironmentFile=-/etc/default/istio
ExecStopPost=-/bin/sh -c 'echo after istio >> /var/log/after-istio'
`;

/** As operators leave them: comments, keys of their own, a field that no Istio knows. */
async function ownSettings(machine: Machine): Promise<void> {
  const dropIn = '/etc/systemd/system/istio.service.d/override.conf';
  await machine.writeFile(dropIn, OVERRIDE);
  await machine.writeFile('/etc/default/istio', '# of the operator\nOWN_SETTING=from-the-env-file\n');
  const clusterEnv = await machine.readFile(CLUSTER_ENV);
  await machine.writeFile(CLUSTER_ENV, `# made by hand, in 2024\n\n${clusterEnv}export OWN_KEY="a b" # ours\n`);
  const { defaultConfig } = JSON.parse(await machine.readFile(MESH)) as { defaultConfig: Record<string, unknown> };
  const fields = Object.entries(defaultConfig).map(([key, value]) => `  ${key}: ${JSON.stringify(value)}\n`);
  const text = `# the mesh, by hand\ndefaultConfig:\n${fields.join('')}  concurrency: 2 # two are enough\n  fieldOfNobody: {a: 1}\n`;
  await machine.writeFile(MESH, text);
  await machine.sh('systemctl daemon-reload && systemctl restart istio');
}

describe("a running Istio with an operator's own settings", () => {
  const lab = openLab();
  let vm: AgentVm;
  let asFound: string[] = [];
  const ownFiles = async () => [await vm.machine.readFile(CLUSTER_ENV), await vm.machine.readFile(MESH)];
  let found: string[] = [];

  before(async () => {
    vm = await AgentVm.make(lab, {
      name: 'adoption',
      prepare: async (machine) => {
        await ownSettings(machine);
        await untilServing(lab, machine, { namespace: 'vm-apps', group: 'reviews-adoption', revision: 'default' });
        await machine.sh(`chown nobody ${CLUSTER_ENV}`);
      },
    });
    asFound = await vm.istioProcesses();
    found = await ownFiles();
  });
  after(() => vm?.end());

  const serves = () => until('istiod to find it healthy again', async () => isHealthy(await vm.entry()), 60_000);
  const pilotAgent = async (file: 'environ' | 'cmdline') => {
    const pid = (await vm.machine.processesOf('istio')).find(({ exe }) => exe.endsWith('/pilot-agent'))?.pid;
    return (await vm.machine.sh(`tr '\\0' '\\n' < /proc/${pid}/${file}`)).split('\n');
  };

  it('is not adopted while another user owns what root would source, and is as soon as none does', async () => {
    const { agent, istio } = await vm.until('it to be blocked', (status) => status.agent.state === 'blocked');
    assert.match(agent.reason, /cannot take over \/var\/lib\/istio\/envoy\/cluster\.env: user 65534 owns it/);
    assert.equal(istio.active, null);
    await vm.machine.sh(`chown istio-proxy ${CLUSTER_ENV}`);
  });

  it('is adopted with its pids, and with its files as they were', async () => {
    const { istio } = await vm.adopted();
    assert.equal(istio.running?.istioVersion, '1.31.0');
    await vm.until('the drop-in to be in', ({ agent }) => agent.state === 'ready');
    assert.match(await vm.machine.sh('systemctl show -P DropInPaths istio'), /zz-smm-agent\.conf/);
    assert.deepEqual(await vm.istioProcesses(), asFound);
    assert.deepEqual(await ownFiles(), found, 'nothing of the operator is written');
    const [clusterEnv = '', mesh = ''] = found;
    const adopted = await vm.machine.readFile(`${ACTIVE}/cluster.env`);
    assert.ok(adopted.startsWith(clusterEnv), 'every line of cluster.env, comments and own keys too');
    const lines = (await vm.machine.readFile(`${ACTIVE}/mesh`)).split('\n');
    const added = lines.filter((line) => !mesh.split('\n').includes(line));
    assert.match(added.join('\n'), /^ {2}binaryPath: \S*\/bin\/envoy\S*$/, "Envoy's path, and no more");
    await vm.condition('IstioRestartPending', 'False');
    for (const name of ['cluster.env', 'sidecar.env', 'mesh']) {
      assert.equal(await vm.machine.sh(`stat -c '%A %U %G' ${ACTIVE}/${name}`), '-rw-r----- root istio-proxy\n', name);
    }
    const asProxy = 'setpriv --reuid istio-proxy --regid istio-proxy --init-groups';
    const writable = `find /opt/smm-agent /etc/systemd/system /var/lib/smm-agent ! -type l -writable 2>/dev/null || :`;
    assert.equal(
      await vm.machine.sh(`${asProxy} sh -c '${writable}'`),
      '',
      'istio-proxy writes nothing that root runs',
    );
    assert.match(await vm.machine.sh(`sh -c '${writable}' | head -n 1`), /^\/opt/, 'root would be found to');
  });

  it('runs on when the official package is upgraded by dpkg, and nothing is pending', async () => {
    await installIstio(vm.machine, await makeIstioDeb({ version: '1.31.1', envoy: '1.40.0' }));
    const { istio, restart } = await vm.reconciled();
    assert.deepEqual([istio.running?.istioVersion, restart.pending], ['1.31.0', 'no']);
    assert.deepEqual((await vm.istioProcesses()).map(whoIs), asFound.map(whoIs));
  });

  it('has edits of the old cluster.env reported, and taken over by smm-agent adopt, not before --yes', async () => {
    await vm.machine.sh(`echo 'OWN_KEY=edited' >> ${CLUSTER_ENV}`);
    const { warnings } = await vm.until('the edit to be noticed', (status) => status.warnings.length > 0);
    assert.match(warnings.join(), /cluster\.env was edited at .* no longer read/);
    const shown = await vm.machine.sh('smm-agent adopt');
    assert.match(shown, /would change .*OWN_KEY/);
    assert.match(shown, /nothing was changed/);
    assert.equal((await vm.reconciled()).restart.pending, 'no');
    assert.match(await vm.machine.sh('smm-agent adopt --yes'), /OWN_KEY/);
    const { restart, ...status } = await vm.until('the edit to be staged', (one) => one.restart.pending === 'yes');
    assert.match(restart.why.join(), /OWN_KEY/);
    assert.deepEqual(status.warnings, []);
    assert.deepEqual((await vm.istioProcesses()).map(whoIs), asFound.map(whoIs));
  });

  it("restarts into its own 1.31.0 with all of that, and with the operator's command after it", async () => {
    await vm.machine.sh('systemctl restart istio');
    await vm.running('1.31.0');
    await serves();
    assert.match((await vm.envoy()) ?? '', /releases\/1\.31\.0-[0-9a-f]{12}\/bin\/envoy$/);
    const environment = await pilotAgent('environ');
    assert.ok(environment.includes('OWN_SETTING=from-the-env-file'));
    assert.ok(environment.includes('OWN_KEY=edited'));
    const commandLine = (await pilotAgent('cmdline')).join(' ');
    assert.match(commandLine, /--log_output_level=default:warn.*--meshConfig \/opt\/smm-agent\/istio\/active\/mesh/);
    assert.match(JSON.stringify(await vm.serverInfo()), /"concurrency":2/);
    assert.equal(await vm.machine.readFile('/var/log/after-istio'), 'after istio\n'.repeat(2));
  });

  it('runs on when the official package is removed by dpkg, and restarts from its release, also after a reboot', async () => {
    await vm.machine.sh('systemctl enable istio');
    const before = await vm.istioProcesses();
    await vm.machine.sh('dpkg --remove istio-sidecar');
    const { istio, restart } = await vm.reconciled();
    assert.deepEqual([istio.running?.istioVersion, restart.pending], ['1.31.0', 'no']);
    assert.deepEqual(await vm.istioProcesses(), before);
    await vm.machine.sh('systemctl daemon-reload && systemctl restart istio');
    await vm.running('1.31.0');
    await serves();
    await vm.machine.reboot();
    await vm.running('1.31.0');
  });

  it('takes the rendered configuration once that is accepted, and works with it', async () => {
    const difference = await vm.machine.sh('smm-agent adopt --render');
    assert.match(difference, /would change/);
    assert.match(difference, /nothing was changed/);
    await vm.machine.sh('smm-agent adopt --render --yes');
    await vm.until('the rendered one to be staged', ({ restart }) => restart.pending === 'yes');
    await vm.machine.sh('systemctl restart istio');
    await vm.running('1.31.0');
    await serves();
    assert.doesNotMatch(await vm.machine.readFile(`${ACTIVE}/mesh`), /fieldOfNobody/);
    assert.match(await vm.machine.sh('smm-agent adopt --render'), /no difference/);
  });
});

/** Pid and start time. The name changes: dpkg has replaced the file. */
function whoIs(process: string): string {
  return process.replace(/ \(deleted\)$/, '');
}
