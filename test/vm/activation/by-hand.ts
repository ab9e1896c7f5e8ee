/**
 * Istio of a machine that has joined the mesh, put into release folders by hand: scripts, drop-in and links as the
 * agent makes them, and no agent. What is shown on it works with the agent dead.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../../scripts/project.ts';
import { RELEASE_FILES } from '../../../src/istio/release.ts';
import type { Lab } from '../lab/lab.ts';
import { bootMachine, type Machine } from '../lab/machine/machine.ts';
import { type MeshMembership, proxyConfig } from '../lab/machine/mesh-files.ts';
import { joinMesh } from '../lab/machine/mesh-vm.ts';
import { makeIstioDeb } from '../lab/parts/istio-package.ts';
import { until } from '../lab/until.ts';

export const A = '1.31.0-aaaaaaaaaaaa';
export const B = '1.31.1-bbbbbbbbbbbb';

export const ISTIO = '/opt/smm-agent/istio';
export const STATE = '/var/lib/smm-agent/istio';
const DROP_IN = '/etc/systemd/system/istio.service.d/zz-smm-agent.conf';

async function installScripts(machine: Machine): Promise<void> {
  for (const name of readdirSync(join(projectRoot, 'systemd/bin'))) {
    const mode = /\.(sh|awk)$/.test(name) ? '0644' : '0755';
    await machine.copyIn(join(projectRoot, 'systemd/bin', name), `/opt/smm-agent/bin/${name}`, mode);
  }
  await machine.copyIn(join(projectRoot, 'systemd/istio.service.d-zz-smm-agent.conf'), DROP_IN);
  await machine.sh('systemctl daemon-reload');
}

/** A complete release: the programs of a package, and the machine's own configuration. */
export async function writeRelease(
  machine: Machine,
  id: string,
  debPath: string,
  membership: MeshMembership,
): Promise<void> {
  const folder = `${ISTIO}/releases/${id}`;
  await machine.copyIn(debPath, '/root/release.deb');
  await machine.sh(`rm -rf /root/unpacked && dpkg-deb -x /root/release.deb /root/unpacked
    mkdir -p ${folder}/bin && cp /root/unpacked/usr/local/bin/envoy /root/unpacked/usr/local/bin/pilot-agent ${folder}/bin/
    cp /root/unpacked/usr/local/bin/istio-start.sh ${folder}/
    cp /root/unpacked/var/lib/istio/envoy/envoy_bootstrap_tmpl.json ${folder}/
    cp /var/lib/istio/envoy/cluster.env ${folder}/cluster.env && chmod 0644 ${folder}/cluster.env
    sed -n 's/ # smm-agent$//; / istiod/{p;q}' /etc/hosts > ${folder}/hosts
    rm -r /root/unpacked /root/release.deb`);
  const flags = `ISTIO_AGENT_FLAGS="\${ISTIO_AGENT_FLAGS:-} --meshConfig ${ISTIO}/active/mesh"
`;
  await machine.writeFile(`${folder}/${RELEASE_FILES.sidecarEnv}`, flags);
  // Each stop would wait for five seconds, which no test is about.
  const quick = { terminationDrainDuration: '0.5s', binaryPath: `${folder}/bin/envoy` };
  const mesh = { defaultConfig: { ...proxyConfig(membership), ...quick } };
  await machine.writeFile(`${folder}/${RELEASE_FILES.mesh}`, `${JSON.stringify(mesh)}\n`);
  const sizes = await machine.sh(`cd ${folder} && find . -type f -printf '%P %s\\n'`);
  const files = Object.fromEntries(
    sizes
      .trim()
      .split('\n')
      .map((line) => {
        const [name = '', size] = line.split(' ');
        return [name, { sha256: '0'.repeat(64), size: Number(size), mode: 0o644, uid: 0, gid: 0 }];
      }),
  );
  await machine.writeFile(
    `${folder}/${RELEASE_FILES.manifest}`,
    `${JSON.stringify({ format: 1, id, origin: 'package', files }, null, 2)}\n`,
  );
}

export async function link(machine: Machine, name: 'active' | 'staged', id: string): Promise<void> {
  await machine.sh(`ln -sfn releases/${id} ${ISTIO}/${name}.new && mv -T ${ISTIO}/${name}.new ${ISTIO}/${name}`);
}

export async function linked(machine: Machine, name: 'active' | 'staged'): Promise<string> {
  return (await machine.sh(`readlink ${ISTIO}/${name}`)).trim().replace('releases/', '');
}

/** The releases whose programs run: of Envoy and pilot-agent, each once. */
export async function running(machine: Machine): Promise<string[]> {
  const programs = await machine.processesOf('istio');
  const releases = programs.flatMap(
    ({ exe }) => /\/releases\/([^/]+)\/bin\/(?:envoy|pilot-agent)$/.exec(exe)?.[1] ?? [],
  );
  return [...new Set(releases)];
}

/** Ready, with Envoy and pilot-agent of this release and no other. */
export async function untilRuns(machine: Machine, id: string, timeoutMs = 60_000): Promise<void> {
  const seen = async () => {
    const ready = ['curl', '-s', '-o', '/dev/null', '-w', '%{http_code}', 'http://127.0.0.1:15020/healthz/ready'];
    return { runs: await running(machine), ready: (await machine.exec(ready)).stdout };
  };
  await until(`release ${id} to be ready`, seen, timeoutMs, ({ runs, ready }) => runs.join() === id && ready === '200');
}

export async function unitState(machine: Machine): Promise<string> {
  return (await machine.sh('systemctl show -P ActiveState istio')).trim();
}

/** The record of the stop hook, by key; null before the first end of this boot. */
export async function stopRecord(machine: Machine): Promise<Record<string, string> | null> {
  const text = await machine.sh('cat /run/smm-agent/istio-stopped 2>/dev/null || :');
  if (text === '') return null;
  const lines = text.trim().split('\n');
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
}

/** Shell that prints how many chains of Istio there are, in all tables of both kinds and families. */
export const COUNT_CHAINS = `{ for kind in legacy nft; do for ip in ip ip6; do
      case $kind in legacy) grep -qs . /proc/net/$ip""_tables_names || continue ;; esac
      $ip""tables-$kind-save 2>/dev/null || :
    done; done; } | grep -c '^:ISTIO_' || :`;

export async function chains(machine: Machine): Promise<number> {
  return Number(await machine.sh(COUNT_CHAINS));
}

/** Nothing has begun to run `seconds` after the stop: longer than the scheduled start takes. */
export async function staysStopped(machine: Machine, seconds = 6): Promise<boolean> {
  return (
    (await machine.sh(`sleep ${seconds}; systemctl show -P ActiveState istio; pgrep -x envoy || :`)).trim().split('\n')
      .length === 1
  );
}

/**
 * A machine in the mesh whose releases were made by hand: A (confirmed) is active, with the programs of Istio 1.31.0.
 */
export async function machineByHand(lab: Lab, membership: MeshMembership): Promise<Machine> {
  const machine = await bootMachine(lab, { name: membership.group });
  await joinMesh(lab, machine, { ...membership, version: '1.31.0', envoy: '1.39.3' });
  await machine.sh('systemctl stop istio');
  await writeRelease(machine, A, await makeIstioDeb({ version: '1.31.0', envoy: '1.39.3' }), membership);
  await writeRelease(machine, B, await makeIstioDeb({ version: '1.31.1', envoy: '1.40.0' }), membership);
  await machine.sh(`mkdir -p ${STATE}/confirmed && touch ${STATE}/confirmed/${A}`);
  await link(machine, 'active', A);
  await installScripts(machine);
  return machine;
}

/** A runs and B is staged. Undoes changes of the test before. */
export async function pending(machine: Machine): Promise<void> {
  await machine.sh(`rm -rf ${STATE}/ends ${STATE}/rejected ${STATE}/put-back ${STATE}/hold ${STATE}/start-when-stopped
    systemctl unmask -q istio; systemctl enable -q istio`);
  await link(machine, 'staged', A);
  await machine.sh('systemctl restart istio');
  await untilRuns(machine, A);
  await link(machine, 'staged', B);
}
