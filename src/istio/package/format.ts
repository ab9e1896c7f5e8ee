/** The six files of an Istio package, by their purpose. */
export type PackageFile = 'envoy' | 'pilotAgent' | 'startScript' | 'unit' | 'sidecarEnv' | 'bootstrapTemplate';

/** Where upstream's package has them, without the leading slash and after the merge of /lib into /usr/lib. */
export const PACKAGE_PATHS: Record<PackageFile, string> = {
  envoy: 'usr/local/bin/envoy',
  pilotAgent: 'usr/local/bin/pilot-agent',
  startScript: 'usr/local/bin/istio-start.sh',
  unit: 'usr/lib/systemd/system/istio.service',
  sidecarEnv: 'var/lib/istio/envoy/sidecar.env',
  bootstrapTemplate: 'var/lib/istio/envoy/envoy_bootstrap_tmpl.json',
};

/** Where to write a file of the package; a file that is not named is checked and not written. */
export type Destinations = Partial<Record<PackageFile, { path: string; mode: number }>>;

export interface UnpackedFile {
  sha256: string;
  size: number;
}

export interface UnpackOptions {
  /** The program that opens the package has no right on the machine. Needs root and a service manager. */
  isConfined?: boolean | undefined;
  /** Ends the unpacking within a second; what was written stays for the caller to remove. */
  signal?: AbortSignal | undefined;
  /** Called for each file that is not one of the six, with its path in the package: it was read and not written. */
  onPassedOver?: ((path: string, file: UnpackedFile) => void) | undefined;
}

export interface PackageFormat {
  /**
   * Checks a package and writes its files. Must refuse anything but a whole Istio package for this machine, must skip
   * its other files, must never write outside of `into`, and returns only after fsync of each file. Existing files are
   * an error. Safe to repeat after `into` was emptied. Rejects with SMM430 to SMM435.
   */
  unpack(file: string, into: Destinations, options?: UnpackOptions): Promise<Record<PackageFile, UnpackedFile>>;
}
