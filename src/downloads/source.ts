/**
 * Where packages come from: Istio's by official.ts or signed-packages.ts,
 * archives of the agent by signed/signed-repository.ts.
 */
import type { HttpPolicy } from './policy.ts';

/** A package as its source describes it, before a byte of it is fetched. */
export interface PackageDescription {
  istioVersion: string;
  url: string;
  /** The SHA-256 that the file must have; in hex, lower case. */
  sha256: string;
  /** Name of the file in the folder of downloads; the same for the same version and architecture. */
  fileName: string;
  /** Exact length, if the source knows it. */
  bytes?: number | undefined;
}

/** A package on disk whose digest was right when this was returned; it is checked again before it is unpacked. */
export interface FetchedPackage {
  path: string;
  sha256: string;
  bytes: number;
}

/** `total` is null if the server does not say. Called very often: show only some of the calls. */
type OnProgress = (progress: { bytes: number; total: number | null }) => void;

export interface FetchOptions {
  /** Ends the download within a second; the bytes so far are kept, and the next call goes on from there. */
  signal?: AbortSignal | undefined;
  onProgress?: OnProgress | undefined;
}

export interface PackageSource {
  /** Asks the source for a version, for this machine's architecture. Safe to repeat, writes nothing. */
  describe(istioVersion: string, signal?: AbortSignal): Promise<PackageDescription>;
  /**
   * Must return only a file with the described digest, and only after fsync. Safe to repeat: a file that is on disk
   * already is not fetched again, and a part of one is completed.
   */
  fetch(description: PackageDescription, options?: FetchOptions): Promise<FetchedPackage>;
}

/** A file to download. */
export interface WantedFile {
  url: string;
  sha256: string;
  /** Path of the file. */
  target: string;
  /** The exact length, if it is known: another length is refused as soon as it shows. */
  bytes?: number | undefined;
  policy: HttpPolicy;
}
