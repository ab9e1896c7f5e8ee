/** What an Istio release is: binaries and configuration in one folder that never changes once it is complete. */
import { z } from 'zod';

/** `<version>-<12 hex digits>`, the digest being over package, revision and rendered configuration. */
export type ReleaseId = string;
export const RELEASE_ID = /^[0-9][0-9A-Za-z.+~-]*-[0-9a-f]{12}$/;

/** Names inside of a release's folder. Scripts in systemd/ use the same names: change both. */
export const RELEASE_FILES = {
  envoy: 'bin/envoy',
  pilotAgent: 'bin/pilot-agent',
  startScript: 'istio-start.sh',
  bootstrapTemplate: 'envoy_bootstrap_tmpl.json',
  clusterEnv: 'cluster.env',
  sidecarEnv: 'sidecar.env',
  mesh: 'mesh',
  /** One line `<ip> <host>`, or empty. */
  hosts: 'hosts',
  /** Only in a rendered release: restored to /etc/certs when Istio starts. */
  rootCert: 'root-cert.pem',
  manifest: 'release.json',
} as const;

/**
 * Stands in a mesh file for the folder of the release that carries it: the id is a digest over the configuration,
 * so the real path is written only when the release is staged.
 */
export const RELEASE_FOLDER = '@release@';

/**
 * The target of `active` when no release could be started: a script that starts Istio from its package's own files. The
 * drop-in of istio.service makes it, without any other file of the agent. It is not a release.
 */
export const PACKAGE_START = 'package';

/** The configuration files of a release, as text. */
export interface ReleaseConfiguration {
  clusterEnv: string;
  sidecarEnv: string;
  mesh: string;
  hosts: string;
  /** null: the root certificate on the machine is not ours to change. */
  rootCert: string | null;
}

const FileRecord = z.object({
  sha256: z.string(),
  /**
   * Bytes: compared at every turn, where the digest would cost
   * a second. Absent in a manifest that another program wrote.
   */
  size: z.number().int().optional(),
  mode: z.number().int(),
  uid: z.number().int(),
  gid: z.number().int(),
});

/** Identity of an executable that ran from Istio's own folders when it was adopted; valid for that boot only. */
const AdoptedProcess = z.object({
  device: z.string(),
  inode: z.string(),
  pid: z.number().int(),
  /** Field 22 of /proc/<pid>/stat, in clock ticks since boot. */
  startTicks: z.string(),
});

/** `release.json`: written last, so a folder without it does not count. */
export const ReleaseManifest = z.object({
  format: z.literal(1),
  id: z.string().regex(RELEASE_ID),
  istioVersion: z.string(),
  /**
   * The revision whose control plane this release talks to; `default`
   * for the unrevisioned install, null when adopted and not known.
   */
  revision: z.string().nullable(),
  /** SHA-256 of the package; for an adopted release over its binaries. */
  packageDigest: z.string(),
  origin: z.enum(['package', 'adopted']),
  configuration: z.enum(['keep', 'render']),
  createdAt: z.iso.datetime(),
  adopted: z
    .object({ bootId: z.string(), envoy: AdoptedProcess.nullable(), pilotAgent: AdoptedProcess.nullable() })
    .nullable(),
  /** Every file of the folder but this one. */
  files: z.record(z.string(), FileRecord),
});
export type ReleaseManifest = z.infer<typeof ReleaseManifest>;
