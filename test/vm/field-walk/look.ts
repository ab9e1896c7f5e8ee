/**
 * One look at a machine and at what the cluster says of it: by the kernel, systemd, files and the API, and not by the
 * agent's own code.
 */
import type { Status } from '../../../src/status/status.ts';
import type { AgentVm } from '../agent-vm.ts';
import type { KubeObject } from '../lab/mesh/kube.ts';

export interface Release {
  id: string;
  istioVersion: string;
  revision: string;
}

export interface Seen {
  /** Pids with start times and programs of Envoy and pilot-agent. */
  processes: string[];
  /** The release that Envoy was started from; null without one. */
  runs: string | null;
  activeState: string;
  /** How often systemd has started istio.service, since the first boot. */
  starts: number;
  active: Release;
  /** What the next start brings. */
  next: Release;
  /** Whether Envoy of `next` is what its release.json says, by its digest. */
  nextIsWhole: boolean;
  /** The mesh file of `next`. */
  mesh: string;
  /** Jumps to Istio's chains from PREROUTING and OUTPUT, `kind/table/from>to`, IPv4. */
  jumps: string[];
  chains: number;
  status: Status | null;
  entry: KubeObject | undefined;
  lease: KubeObject | undefined;
}

const ISTIO = '/opt/smm-agent/istio';

/** Lines `key value`; the release's files last. */
const LOOK = `
  journalctl --sync
  echo "activeState $(systemctl show -P ActiveState istio)"
  echo "starts $(journalctl --no-pager -o cat -u istio | grep -c '^Started istio.service' || :)"
  echo "active $(basename "$(readlink ${ISTIO}/active)")"
  next=$(basename "$(readlink ${ISTIO}/staged || readlink ${ISTIO}/active)")
  echo "next $next"
  digest=$(sha256sum < ${ISTIO}/releases/$next/bin/envoy | cut -c 1-64) || :
  grep -q "$digest" ${ISTIO}/releases/$next/release.json && echo "whole yes" || echo "whole no"
  for kind in legacy nft; do
    case $kind in legacy) grep -qs . /proc/net/ip_tables_names || continue ;; esac
    iptables-$kind-save 2>/dev/null | awk -v kind=$kind '/^[*]/ { table = substr($1, 2) } /^:ISTIO_/ { print "chain", table }
      /^-A (PREROUTING|OUTPUT) .*-j ISTIO_[A-Z_]*$/ { print "jump", kind "/" table "/" $2 ">" $NF }'
  done`;

export async function look(vm: AgentVm): Promise<Seen> {
  const [text, processes, status, entry, lease] = await Promise.all([
    vm.machine.sh(LOOK),
    vm.istioProcesses(),
    vm.status(),
    vm.entry(),
    leaseOf(vm),
  ]);
  const lines = text.split('\n').map((line) => line.split(' ') as [string, string | undefined]);
  const all = (key: string) => lines.filter(([found]) => found === key).map(([, value]) => value ?? '');
  const one = (key: string) => all(key)[0] ?? '';
  const envoy = processes.find((process) => process.endsWith('/bin/envoy') || process.endsWith('/bin/envoy (deleted)'));
  return {
    processes,
    runs: envoy === undefined ? null : (/\/releases\/([^/]+)\/bin\//.exec(envoy)?.[1] ?? 'no release'),
    activeState: one('activeState'),
    starts: Number(one('starts')),
    active: await release(vm, one('active')),
    next: await release(vm, one('next')),
    nextIsWhole: one('whole') === 'yes',
    mesh: await vm.machine.sh(`cat ${ISTIO}/releases/${one('next')}/mesh || :`),
    jumps: all('jump').toSorted(),
    chains: all('chain').length,
    status,
    entry,
    lease,
  };
}

async function release(vm: AgentVm, id: string): Promise<Release> {
  const text = await vm.machine.sh(`cat ${ISTIO}/releases/${id}/release.json || echo '{}'`);
  const { istioVersion = 'no release.json', revision = '' } = JSON.parse(text) as Partial<Release>;
  return { id, istioVersion, revision };
}

async function leaseOf(vm: AgentVm): Promise<KubeObject | undefined> {
  const { items } = await vm.lab.kube.kube('GET', `/apis/coordination.k8s.io/v1/namespaces/${vm.namespace}/leases`);
  return items.find(({ metadata }: KubeObject) => metadata.name.startsWith(`smm-agent-${vm.machine.name}-`));
}
