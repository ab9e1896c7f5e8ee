/**
 * Istio packages from the signed repository: their digests are signed,
 * so that an attacker who controls the server can replace none.
 */
import { packageArchitecture } from '../host/architecture.ts';
import { downloadName, requireVersion } from './official.ts';
import type { SignedRepository } from './signed/signed-repository.ts';
import type { FetchedPackage, FetchOptions, PackageDescription, PackageSource } from './source.ts';
import { istioTarget } from './targets.ts';

export class SignedPackages implements PackageSource {
  readonly #repository: SignedRepository;

  /** `repository` is the one of this turn. */
  constructor(repository: SignedRepository) {
    this.#repository = repository;
  }

  /** Rejects with SMM417 for a text that is not a version, and as `SignedRepository.target` does. */
  async describe(istioVersion: string, signal?: AbortSignal): Promise<PackageDescription> {
    requireVersion(istioVersion);
    const architecture = packageArchitecture();
    const { url, sha256, bytes } = await this.#repository.target(istioTarget(istioVersion, architecture), signal);
    return { istioVersion, url, sha256, bytes, fileName: downloadName(istioVersion, architecture) };
  }

  /** Rejects as `SignedRepository.fetch` does. */
  async fetch({ url, sha256, bytes, fileName }: PackageDescription, options?: FetchOptions): Promise<FetchedPackage> {
    if (bytes === undefined) throw new Error(`${url} was described by another source`);
    return this.#repository.fetch({ url, sha256, bytes, fileName }, options);
  }
}
