/**
 * A machine of the mesh with smm-agent as its users have it: the built package, the shipped rights, a token, a
 * configuration.
 */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { buildPackages } from '../../packaging/build.ts';
import { packageJson, projectRoot } from '../../scripts/project.ts';
import type { Status } from '../../src/status/status.ts';
import { withLock } from './lab/host/lock.ts';
import type { Lab } from './lab/lab.ts';
import { bootMachine, type Machine } from './lab/machine/machine.ts';
import { findEntry, joinMesh } from './lab/machine/mesh-vm.ts';
import type { Revision } from './lab/mesh/istiod.ts';
import type { KubeObject } from './lab/mesh/kube.ts';
import { setInjectorTag, setRolledOut } from './lab/mesh/revisions.ts';
import { digestOf } from './lab/parts/cache.ts';
import type { EnvoyVersion } from './lab/parts/envoy-part.ts';
import { makeIstioDeb } from './lab/parts/istio-package.ts';
import type { Suite } from './lab/parts/rootfs.ts';
import { type Downloads, startDownloads } from './lab/traffic/downloads.ts';
import { until } from './lab/until.ts';

export interface AgentVmOptions {
  name: string;
  version?: string;
  envoy?: EnvoyVersion;
  revision?: Revision;
  /** Of the machine's Debian. */
  suite?: Suite;
  /** Runs after Istio is up and before the package is installed: an operator's own settings. */
  prepare?: (machine: Machine) => Promise<void>;
  /** Lines for agent.yaml, `key value` for smm-agent set. */
  settings?: readonly (readonly [string, string])[];
  /** Of the signed repository: root.json that the package brings. */
  trustedRoot?: string;
  /** A package to begin with; default: that of the sources. */
  deb?: string;
}

const NAMESPACE = 'vm-apps';
const GROUP = 'reviews';
const PATIENCE_MS = 40_000;

/** The lab's authority, as an administrator adds a company's: the download server has a certificate of it. */
async function trustLab(lab: Lab, machine: Machine): Promise<void> {
  await machine.copyIn(lab.state.server.credentials.caFile, '/usr/local/share/ca-certificates/lab.crt');
  await machine.sh('update-ca-certificates 2>&1');
}

export class AgentVm {
  readonly lab: Lab;
  readonly machine: Machine;
  readonly downloads: Downloads;
  readonly namespace = NAMESPACE;
  readonly group: string;
  readonly #trustedRoot: string | undefined;

  private constructor(lab: Lab, machine: Machine, downloads: Downloads, { name, trustedRoot }: AgentVmOptions) {
    this.lab = lab;
    this.machine = machine;
    this.downloads = downloads;
    this.group = `${GROUP}-${name}`;
    this.#trustedRoot = trustedRoot;
  }

  /** In the mesh with Istio of the official package, the agent installed, configured and started. */
  static async make(lab: Lab, options: AgentVmOptions): Promise<AgentVm> {
    const { name, version = '1.31.0', envoy = '1.39.3', revision = 'default' } = options;
    const machine = await bootMachine(lab, { name, suite: options.suite });
    const downloads = await startDownloads(lab, { tls: true });
    const vm = new AgentVm(lab, machine, downloads, options);
    const { group } = vm;
    try {
      await upgradeControlPlane(lab, revision, version);
      await joinMesh(lab, machine, { group, namespace: NAMESPACE, revision, version, envoy });
      await trustLab(lab, machine);
      await options.prepare?.(machine);
      await grantRights(lab, group);
      await vm.install(options.deb ?? (await vm.deb()));
      await vm.configure(options.settings ?? []);
    } catch (error) {
      await vm.end();
      throw error;
    }
    return vm;
  }

  /** Returns what dpkg and the package have said. */
  async install(deb: string): Promise<string> {
    await this.machine.copyIn(deb, '/root/smm-agent.deb');
    return this.machine.sh('dpkg --install /root/smm-agent.deb 2>&1; rm /root/smm-agent.deb');
  }

  /** The package of the same sources, in that version. */
  deb(version = packageJson().version): Promise<string> {
    return agentDeb(this.lab, version, this.#trustedRoot);
  }

  /** Another version of the agent's package, made of the same sources. */
  async upgradeAgent(version: string): Promise<void> {
    await this.install(await this.deb(version));
  }

  /** As README.md says, by the commands. */
  async configure(settings: readonly (readonly [string, string])[]): Promise<void> {
    const { machine, lab, namespace, group } = this;
    await machine.copyIn(lab.state.server.credentials.caFile, '/root/ca.crt');
    const token = await lab.kube.mintToken(namespace, `smm-agent-${group}`);
    await machine.sh(`smm-agent set control-plane ${lab.state.server.url} --ca-file /root/ca.crt
      printf %s '${token}' | smm-agent set bearer-token -
      smm-agent set node-ip ${machine.address}
      smm-agent set istio.downloads ${this.downloads.url}
      smm-agent set poll.schedule '*/2 * * * * *'
      smm-agent set poll.jitterSeconds 0`);
    for (const [key, value] of settings) await machine.sh(`smm-agent set ${key} '${value}'`);
    await machine.sh(`smm-agent set workload-group ${namespace} ${group}`);
  }

  async end(): Promise<void> {
    await this.downloads.stop();
    await this.machine.stop();
  }

  /** Puts a release of Istio where the agent finds it. */
  async publish(
    version: string,
    envoy: EnvoyVersion,
    mutation?: Parameters<typeof makeIstioDeb>[0]['mutation'],
  ): Promise<void> {
    this.downloads.publish(version, await makeIstioDeb({ version, envoy, ...(mutation ? { mutation } : {}) }));
  }

  /** `smm-agent status --json`, null before the first one. */
  async status(): Promise<Status | null> {
    const { status, stdout } = await this.machine.exec(['smm-agent', 'status', '--json']);
    // 78: the agent is misconfigured, and the status says so.
    return status === 0 || status === 78 ? (JSON.parse(stdout) as Status) : null;
  }

  /** Waits for a status that satisfies; what was seen last is in the error. */
  async until(what: string, accept: (status: Status) => boolean, timeoutMs = PATIENCE_MS): Promise<Status> {
    const seen = await until(
      what,
      () => this.status(),
      timeoutMs,
      (status) => status !== null && accept(status),
    );
    if (seen === null) throw new Error(`no status: ${what}`);
    return seen;
  }

  adopted(): Promise<Status> {
    return this.until('Istio to be adopted', ({ istio, restart }) => istio.active !== null && restart.pending === 'no');
  }

  staged(version: string): Promise<Status> {
    return this.until(
      `Istio ${version} to be staged`,
      ({ istio, restart }) => istio.staged?.istioVersion === version && restart.pending === 'yes',
    );
  }

  running(version: string): Promise<Status> {
    return this.until(
      `Istio ${version} to run, and nothing pending`,
      ({ istio, restart }) => istio.running?.istioVersion === version && restart.pending === 'no',
    );
  }

  /** The status after a whole turn that began after this call. */
  async reconciled(): Promise<Status> {
    // It ends with another code than 0 where what is wanted was not done: the status says why.
    await this.machine.exec(['smm-agent', 'reconcile']);
    return this.until('a status', () => true);
  }

  entry(): Promise<KubeObject | undefined> {
    return findEntry(this.lab, this.namespace, this.group, this.machine);
  }

  /** Waits until the entry's condition has this status, and its message matches. */
  async condition(type: string, status: string, message = /./): Promise<KubeObject> {
    return until(
      `condition ${type}=${status} ${message} on the entry of ${this.machine.name}`,
      async () => ((await this.entry())?.status?.conditions ?? []).find((one: KubeObject) => one.type === type),
      PATIENCE_MS,
      (one: KubeObject | undefined) => one?.status === status && message.test(one.message),
    );
  }

  /** Pids with start times of Envoy and pilot-agent: the same list means that they were not restarted. */
  async istioProcesses(): Promise<string[]> {
    return (await this.machine.processesOf('istio'))
      .map(({ pid, exe, startTicks }) => `${pid} ${startTicks} ${exe}`)
      .toSorted();
  }

  /** Paths of Envoy that runs now. */
  async envoy(): Promise<string | undefined> {
    return (await this.machine.processesOf('istio')).map(({ exe }) => exe).find((exe) => exe.endsWith('/envoy'));
  }

  /** What Envoy says of itself. */
  async serverInfo(): Promise<KubeObject> {
    const asked = async () => JSON.parse(await this.machine.sh('curl -s http://127.0.0.1:15000/server_info'));
    return until('Envoy to say what it is', asked, PATIENCE_MS);
  }

  journal(): Promise<string> {
    return this.machine.journal('smm-agent', { allBoots: true });
  }

  /**
   * Waits for a text in the journal: the agent writes a turn's status before it reports, and only then what it says of
   * it.
   */
  async says(text: string): Promise<void> {
    await until(`the journal to say: ${text}`, async () => (await this.journal()).includes(text), PATIENCE_MS);
  }
}

/** As an upgrade of istiod leaves it: Deployment rolled out, injector's values in step. */
export async function upgradeControlPlane(lab: Lab, revision: Revision, version: string): Promise<void> {
  await setInjectorTag(lab.kube, revision, version);
  await setRolledOut(lab.kube, revision, version);
}

/** The package, built once for each lab. */
async function agentDeb(lab: Lab, version: string, trustedRoot: string | undefined): Promise<string> {
  const root = trustedRoot === undefined ? '' : `-${digestOf(readFileSync(trustedRoot, 'utf8'))}`;
  const folder = join(lab.state.folder, `agent-${version}${root}`);
  return withLock(`${folder}.lock`, async () => {
    mkdirSync(folder, { recursive: true });
    const built = readdirSync(folder).find((name) => name.endsWith('.deb'));
    if (built !== undefined) return join(folder, built);
    const args = ['--arch', 'amd64', '--output', folder, '--compression', 'none', '--package-version', version];
    const [file] = await buildPackages([...args, ...(trustedRoot === undefined ? [] : ['--root', trustedRoot])]);
    if (file === undefined) throw new Error('the package was not built');
    return file;
  });
}

/** The manifests as shipped, for this group. */
async function grantRights(lab: Lab, group: string): Promise<void> {
  const folder = join(projectRoot, 'packaging/kubernetes');
  for (const name of ['cluster.yaml', 'policy.yaml', 'istio-namespace.yaml', 'group.yaml']) {
    const text = readFileSync(join(folder, name), 'utf8').replaceAll('reviews', group);
    await lab.kube.applyObjects(parseAllDocuments(text).map((document) => document.toJS() as KubeObject));
  }
}
