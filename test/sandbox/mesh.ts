/**
 * The mesh of a machine: a cluster with control planes of Istio (the embedded API server) and a download server with
 * packages. Everything is on loopback.
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
/** The admission policy finds the group in this name. */
const ACCOUNT = `smm-agent-${GROUP}`;

const NAMESPACE_OBJECT = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } };

export class SandboxMesh {
  readonly api = new EmbeddedApiServer();
  readonly downloads = new DownloadServer();
  readonly admin: Admin;
  /** The folder in which packages are made before they are published. */
  readonly folder: string;
  #repository: Promise<AgentRepository> | null = null;

  private constructor(folder: string) {
    this.folder = folder;
    const { api } = this;
    // The address is only known after the server listens.
    this.admin = new Admin({
      get server() {
        return api.url;
      },
      ca: api.ca,
      token: api.rights.adminToken,
    });
  }

  /** A cluster with these control planes. The namespace of the machine uses the first one. */
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

  /** The base URL of the downloads. */
  get packages(): string {
    return this.downloads.url;
  }

  /** A token of the agent's service account, with exactly the rights that it has in a cluster. */
  token(): Promise<string> {
    return this.admin.token(NAMESPACE, ACCOUNT);
  }

  /** Creates the WorkloadEntry, as istiod does when the proxy of the machine connects. */
  async register(): Promise<void> {
    const status = {
      conditions: [{ type: 'Healthy', status: 'True', lastTransitionTime: now(), lastProbeTime: now() }],
    };
    await this.admin.apply({ ...autoRegisteredEntry(NAMESPACE, GROUP, ADDRESS), status });
  }

  /**
   * Deletes the entry and creates it again with only istiod's own status, as istiod does when the proxy connects again.
   */
  async reconnect(): Promise<void> {
    await this.admin.remove(autoRegisteredEntry(NAMESPACE, GROUP, ADDRESS));
    await this.register();
  }

  /** The WorkloadEntry of the machine in the API server. */
  entry(): Promise<KubeObject> {
    return this.admin.get(autoRegisteredEntry(NAMESPACE, GROUP, ADDRESS));
  }

  /** Upgrades a control plane in place, including its roll-out. */
  upgrade(revision: Revision): Promise<void> {
    return upgradeControlPlane(this.admin, revision);
  }

  /** Moves the machine's namespace to another revision: `kubectl label namespace shop istio.io/rev=...`. */
  move(revision: string): Promise<void> {
    return this.admin.change(NAMESPACE_OBJECT, { metadata: { labels: { 'istio.io/rev': revision } } });
  }

  /** Makes a package and puts it on the download server. Returns its size in bytes. */
  async publish(options: IstioPackageOptions): Promise<number> {
    const file = join(this.folder, `istio-sidecar-${options.version}.deb`);
    await buildIstioPackage(file, options);
    const content = await readFile(file);
    this.downloads.publish(options.version, content);
    return content.length;
  }

  /** The signed repository of agents. Made at the first call. */
  repository(): Promise<AgentRepository> {
    this.#repository ??= AgentRepository.make(join(this.folder, 'repository'), this.admin);
    return this.#repository;
  }

  /** Removes the folder without waiting, for the end of this process. */
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

/** Writes the status of a Deployment after its generation is known, because no controller rolls it out here. */
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

/** The rights of the agent: only those of the manifests that come with the package. */
async function rights(): Promise<KubeObject[]> {
  const names = { 'vm-apps': NAMESPACE, reviews: GROUP };
  const files = ['cluster.yaml', 'istio-namespace.yaml', 'group.yaml'];
  return (await Promise.all(files.map((file) => shipped(file, names)))).flat();
}
