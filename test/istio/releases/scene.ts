/** A machine below a temporary root: a store of releases, packages made on the spot, and requests to stage them. */
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Paths, pathsUnder } from '../../../src/base/paths.ts';
import { RELEASE_FOLDER, type ReleaseConfiguration } from '../../../src/istio/release.ts';
import type { StageRequest } from '../../../src/istio/releases/stage.ts';
import { ReleaseStore } from '../../../src/istio/releases/store.ts';
import { buildIstioPackage, type IstioPackageOptions, writeIstioFiles } from '../../sandbox/istio-package.ts';
import { type TemporaryFolder, temporaryFolder } from '../../support/temporary.ts';

export const CONFIGURATION: ReleaseConfiguration = {
  clusterEnv: "ISTIO_SERVICE='shop.vms'\n",
  sidecarEnv: `ISTIO_AGENT_FLAGS="--meshConfig ${RELEASE_FOLDER}/mesh"\n`,
  mesh: `defaultConfig:\n  binaryPath: ${RELEASE_FOLDER}/bin/envoy\n`,
  hosts: '10.0.0.1 istiod.istio-system.svc\n',
  rootCert: null,
};

export class Scene implements AsyncDisposable {
  readonly paths: Paths;
  readonly store: ReleaseStore;
  /** How many packages were fetched. */
  fetched = 0;
  readonly #folder: TemporaryFolder;

  constructor(folder: TemporaryFolder) {
    this.#folder = folder;
    this.paths = pathsUnder(join(folder.path, 'machine'));
    this.store = new ReleaseStore(this.paths);
  }

  static async begin(): Promise<Scene> {
    return new Scene(await temporaryFolder());
  }

  /** A request for a version; the package is made when it is fetched. */
  async request(version: string, changes: Partial<StageRequest> & { package?: Partial<IstioPackageOptions> } = {}) {
    const { package: options, ...rest } = changes;
    const path = join(this.#folder.path, `istio-${version}-${this.fetched}.deb`);
    await buildIstioPackage(path, { version, ...options });
    const content = await readFile(path);
    const request: StageRequest = {
      istioVersion: version,
      revision: 'default',
      packageDigest: createHash('sha256').update(content).digest('hex'),
      fetchPackage: async () => {
        this.fetched += 1;
        return { path, bytes: content.length };
      },
      configuration: CONFIGURATION,
      configurationKind: 'render',
      ...rest,
    };
    return { ...request, path };
  }

  /** As if the official package were installed, with a configuration. */
  async install(version: string): Promise<void> {
    await writeIstioFiles(this.paths.root, { version });
    const { istio, hosts } = this.paths;
    await this.#write(istio.clusterEnv, CONFIGURATION.clusterEnv);
    await this.#write(istio.mesh, 'defaultConfig:\n  discoveryAddress: istiod-canary.istio-system.svc:15012\n');
    await this.#write(hosts, '127.0.0.1 localhost\n10.0.0.9 istiod-canary.istio-system.svc istiod\n');
  }

  async #write(path: string, text: string): Promise<void> {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#folder[Symbol.asyncDispose]();
  }
}
