/**
 * A machine that is not as most are: the proxy's own ports, address and network, and a container's /proc/uptime. What
 * is seen there, and said of it.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { AgentVm } from './agent-vm.ts';
import { openLab } from './lab/lab.ts';
import type { Machine } from './lab/machine/machine.ts';
import type { KubeObject } from './lab/mesh/kube.ts';
import { until } from './lab/until.ts';

const ADDRESS = '10.77.0.201';
const NETWORK = 'net-of-the-unit';
const [STATUS_PORT, ADMIN_PORT] = [15_029, 15_009];
const PATIENCE_MS = 60_000;
/** A minute of Envoy, and a turn. */
const CONFIRMED_MS = 90_000;

/**
 * As an LXC or Proxmox guest has it: lxcfs puts a file over /proc/uptime that begins with the container, in its format
 * ("%.2f %.2f"), and start times of processes stay the host's. An unprivileged one cannot mount another procfs for a
 * unit, so the agent sees it, too.
 */
const CONTAINER_CLOCK = `
  printf '1.00 1.00\\n' >/run/container-uptime
  mount --bind /run/container-uptime /proc/uptime
  systemd-run --quiet --unit=container-uptime sh -c 'n=1; while sleep 1; do n=$((n + 1)); echo "$n.00 1.00" >/run/container-uptime; done'
  mkdir -p /etc/systemd/system/smm-agent.service.d
  printf '[Service]\\nProtectProc=default\\n' >/etc/systemd/system/smm-agent.service.d/test.conf`;

async function prepare(machine: Machine): Promise<void> {
  await machine.sh(`${CONTAINER_CLOCK}
    ip addr add ${ADDRESS}/24 dev eth0
    sed -i -e '/^ISTIO_SVC_IP=/d' -e '/^ISTIO_META_NETWORK=/d' -e 's/15021,15020/15021,${STATUS_PORT}/' /var/lib/istio/envoy/cluster.env
    echo ISTIO_SVC_IP=${ADDRESS} >>/var/lib/istio/envoy/sidecar.env
    mkdir -p /etc/systemd/system/istio.service.d
    printf '[Service]\\nEnvironment=ISTIO_META_NETWORK=${NETWORK}\\n' >/etc/systemd/system/istio.service.d/network.conf
    sed -i 's/{"defaultConfig":{/&"statusPort":${STATUS_PORT},"proxyAdminPort":${ADMIN_PORT},/' /etc/istio/config/mesh
    systemctl daemon-reload
    systemctl restart istio`);
}

describe('a machine that is not as most are', () => {
  const lab = openLab();
  let vm: AgentVm;
  before(async () => {
    vm = await AgentVm.make(lab, { name: 'observed', prepare });
    await vm.adopted();
  });
  after(() => vm?.end());

  const lease = async (): Promise<KubeObject> => {
    const path = `/apis/coordination.k8s.io/v1/namespaces/${vm.namespace}/leases`;
    const { items } = await lab.kube.kube('GET', path);
    return items.find(({ metadata }: KubeObject) => metadata.name.startsWith('smm-agent-observed-'));
  };
  const heldAs = (holder: RegExp) =>
    until('the holder of the Lease', lease, PATIENCE_MS, (one) => holder.test(one?.spec.holderIdentity ?? ''));
  const warnings = async () => (await vm.reconciled()).warnings;

  it('is reported on the entry that istiod makes of the address in sidecar.env and the network of the unit', async () => {
    const path = `/apis/networking.istio.io/v1/namespaces/${vm.namespace}/workloadentries/${vm.group}-${ADDRESS}-${NETWORK}`;
    await until(
      'the condition',
      async () => (await lab.kube.ask('GET', path)).body,
      PATIENCE_MS,
      (entry: KubeObject) => (entry?.status?.conditions ?? []).some(({ type }: KubeObject) => type === 'SmmAgent'),
    );
    assert.deepEqual(await warnings(), []);
    await heldAs(new RegExp(`@${ADDRESS}$`));
  });

  it('tells the Lease at once that Istio was restarted, and takes it over from itself with another address', async () => {
    await vm.machine.sh('systemctl stop istio');
    await until(
      'RUNNING to be empty',
      lease,
      20_000,
      (one) => one?.metadata.annotations['smm-agent.io/istio-running'] === '',
    );
    await vm.machine.sh('systemctl start istio');
    await until(
      'RUNNING',
      lease,
      20_000,
      (one) => one?.metadata.annotations['smm-agent.io/istio-running'] === '1.31.0',
    );
    const { spec } = await lease();
    // As an agent of before this one left it: without nodeIp it knew no address.
    const [bare = ''] = String(spec.holderIdentity).split('@');
    const path = `/apis/coordination.k8s.io/v1/namespaces/${vm.namespace}/leases/${(await lease()).metadata.name}`;
    await vm.machine.sh('systemctl stop smm-agent');
    await lab.kube.kube(
      'PATCH',
      path,
      [{ op: 'replace', path: '/spec/holderIdentity', value: bare }],
      'application/json-patch+json',
    );
    await vm.machine.sh('systemctl start smm-agent');
    await heldAs(new RegExp(`@${ADDRESS}$`));
    assert.deepEqual(await warnings(), []);
  });

  it("is confirmed, at the release's own ports, and by a clock that is not the container's", async () => {
    const { istio } = await vm.until('the release to run', (status) => status.istio.running !== null);
    await until(
      'it to be confirmed',
      () => vm.machine.sh('ls /var/lib/smm-agent/istio/confirmed'),
      CONFIRMED_MS,
      (names) => names.trim() === istio.active?.id,
    );
  });
});
