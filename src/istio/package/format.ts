/** What every package format must do. deb.ts is one; rpm finds its place beside it. */
import { AgentError } from '../../base/errors.ts';

/** The six files of an Istio package, by what they are. */
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
  /** What takes the package apart has no right on the machine. Needs root and a service manager. */
  isConfined?: boolean | undefined;
  /** Ends the unpacking within a second; what was written stays for the caller to remove. */
  signal?: AbortSignal | undefined;
  /** Told of each file that is none of the six, by its path in the package: it was read and not written. */
  onPassedOver?: ((path: string, file: UnpackedFile) => void) | undefined;
}

export interface PackageFormat {
  readonly name: 'deb' | 'rpm';
  /**
   * Checks a package and writes its files. Must refuse anything but a whole Istio package for this machine, must pass over what else is in
   * it, must never write outside of `into`, and returns only after fsync of each file. Existing files are an error. Safe to repeat after
   * `into` was emptied. Rejects with SMM430 to SMM435.
   */
  unpack(file: string, into: Destinations, options?: UnpackOptions): Promise<Record<PackageFile, UnpackedFile>>;
}

/** The name of this machine's architecture in packages. Rejects with SMM435 where Istio publishes none. */
export function packageArchitecture(arch: string = process.arch): 'amd64' | 'arm64' {
  if (arch === 'x64') return 'amd64';
  if (arch === 'arm64') return 'arm64';
  throw new AgentError(
    'SMM435',
    `cannot use an Istio package on ${arch}: Istio publishes packages for amd64 and arm64`,
    'take this machine out of the mesh, or move it to another architecture',
  );
}

/** The format of a package by its file name. Throws SMM434 for one that the agent cannot unpack. */
export async function packageFormatOf(file: string): Promise<PackageFormat> {
  if (file.endsWith('.deb')) return (await import('./deb.ts')).debFormat;
  throw new AgentError(
    'SMM434',
    `cannot unpack ${file}: only deb packages are supported`,
    'let the source name a deb package',
  );
}
