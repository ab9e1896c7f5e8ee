/**
 * The other side of a machine's story: a cluster with Istio's control planes (the embedded API server) and a download server
 * with packages made on the spot. Everything is on loopback.
 */
import { rmSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { shipped } from '../control-plane/shipped.ts';
import { AgentRepository } from './agent-repository.ts';
import { Admin } from './control-plane/admin.ts';
import { EmbeddedApiServer } from './control-plane/api-server.ts';
import type { KubeObject } from './control-plane/object.ts';
import {
  autoRegisteredEntry,
  controlPlane,
  gateway,
  ISTIO_SYSTEM,
  istioDefinitions,
  namespace,
  type Revision,
  rolledOut,
  workloadGroup,
} from './control-plane/seed.ts';
import { DownloadServer } from './downloads.ts';
import { buildIstioPackage, type IstioPackageOptions } from './istio-package.ts';

export const NAMESPACE = 'shop';
export const GROUP = 'orders';
export const ADDRESS = '10.0.0.7';
export const ENTRY = `${GROUP}-${ADDRESS}`;
/** The admission policy reads the group from this name. */
const ACCOUNT = `smm-agent-${GROUP}`;

const NAMESPACE_OBJECT = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } };

export class SandboxMesh {
  readonly api = new EmbeddedApiServer();
  readonly downloads = new DownloadServer();
  readonly admin: Admin;
  /** Packages lie here before they are published. */
  readonly folder: string;
  #repository: Promise<AgentRepository> | null = null;

  private constructor(folder: string) {
    this.folder = folder;
    const { api } = this;
    // The address is known once the server listens.
    this.admin = new Admin({
      get server() {
        return api.url;
      },
      ca: api.ca,
      token: api.rights.adminToken,
    });
  }

  /** A cluster with these control planes, whose namespace of the machine asks for the first of them. */
  static async make(revisions: readonly [Revision, ...Revision[]]): Promise<SandboxMesh> {
    const mesh = new SandboxMesh(await mkdtemp(join(tmpdir(), 'smm-mesh-')));
    await Promise.all([mesh.api.start(), mesh.downloads.start()]);
    await mesh.admin.applyAll([
      ...istioDefinitions(),
      ...namespace(ISTIO_SYSTEM),
      ...namespace(NAMESPACE, { 'istio.io/rev': revisions[0].name }),
      ...revisions.flatMap(controlPlane),
      gateway('10.0.0.1'),
      workloadGroup(NAMESPACE, GROUP),
      ...(await rights()),
    ]);
    await mesh.register();
    return mesh;
  }

  /** Base URL of the downloads. */
  get packages(): string {
    return this.downloads.url;
  }

  /** A token of the agent's account, with no more rights than it has in a cluster. */
  token(): Promise<string> {
    return this.admin.token(NAMESPACE, ACCOUNT);
  }

  /** As istiod registers the machine's proxy when it connects. */
  async register(): Promise<void> {
    const status = {
      conditions: [{ type: 'Healthy', status: 'True', lastTransitionTime: now(), lastProbeTime: now() }],
    };
    await this.admin.apply({ ...autoRegisteredEntry(NAMESPACE, GROUP, ADDRESS), status });
  }

  /** As istiod does when the proxy connects again: the entry is deleted and registered anew, with an empty status but for its own. */
  async reconnect(): Promise<void> {
    await this.admin.remove(autoRegisteredEntry(NAMESPACE, GROUP, ADDRESS));
    await this.register();
  }

  /** The machine's WorkloadEntry as the API server has it. */
  entry(): Promise<KubeObject> {
    return this.admin.get(autoRegisteredEntry(NAMESPACE, GROUP, ADDRESS));
  }

  /** Upgrades a control plane in place, as far as its roll-out. */
  upgrade(revision: Revision): Promise<void> {
    return upgradeControlPlane(this.admin, revision);
  }

  /** Moves the machine's namespace to another revision: `kubectl label namespace shop istio.io/rev=...`. */
  move(revision: string): Promise<void> {
    return this.admin.change(NAMESPACE_OBJECT, { metadata: { labels: { 'istio.io/rev': revision } } });
  }

  /** Makes a package and puts it on the download server; returns its size in bytes. */
  async publish(options: IstioPackageOptions): Promise<number> {
    const file = join(this.folder, `istio-sidecar-${options.version}.deb`);
    await buildIstioPackage(file, options);
    const content = await readFile(file);
    this.downloads.publish(options.version, content);
    return content.length;
  }

  /** The signed repository of agents; made when it is asked for first. */
  repository(): Promise<AgentRepository> {
    this.#repository ??= AgentRepository.make(join(this.folder, 'repository'), this.admin);
    return this.#repository;
  }

  /** At once, for the end of this process. */
  discard(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (await this.#repository)?.[Symbol.asyncDispose]();
    await this.api.stop();
    await this.downloads[Symbol.asyncDispose]();
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  }
}

/** No controller rolls a Deployment out here: its status is written once its generation is known. */
export async function upgradeControlPlane(admin: Admin, revision: Revision): Promise<void> {
  const objects = controlPlane(revision);
  await admin.applyAll(objects);
  for (const object of objects.filter(({ kind }) => kind === 'Deployment')) {
    const { metadata } = await admin.get(object);
    await admin.setStatus(object, rolledOut(metadata.generation ?? 1));
  }
}

function now(): string {
  return new Date().toISOString().replace(/\.\d+/, '');
}

/** As a cluster administrator grants them, no more: the manifests that ship. */
async function rights(): Promise<KubeObject[]> {
  const names = { 'vm-apps': NAMESPACE, reviews: GROUP };
  const files = ['cluster.yaml', 'istio-namespace.yaml', 'group.yaml'];
  return (await Promise.all(files.map((file) => shipped(file, names)))).flat();
}
