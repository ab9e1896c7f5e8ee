/** What the metadata of a repository may cost. */

export interface MetadataLimits {
  /** Bytes of one file. A signed length counts if it is smaller. */
  rootBytes: number;
  timestampBytes: number;
  snapshotBytes: number;
  targetsBytes: number;
  /**
   * Members of one object or list. tuf-js needs time in the square of that before it checks a signature: a minute for
   * 16000.
   */
  members: number;
  /** Milliseconds for one file, without a byte, and for all files of one question. */
  fileMs: number;
  stallMs: number;
  questionMs: number;
}

/** A root with ten keys has 8 KB, targets with a thousand files 300 KB. */
export const METADATA_LIMITS: MetadataLimits = {
  rootBytes: 256_000,
  timestampBytes: 16_000,
  snapshotBytes: 256_000,
  targetsBytes: 2_000_000,
  members: 2000,
  fileMs: 60_000,
  stallMs: 20_000,
  questionMs: 5 * 60_000,
};

/** Bytes that the file of a role may have; every delegated role is one of targets. */
export function bytesOf(role: string, limits: MetadataLimits): number {
  if (role === 'root') return limits.rootBytes;
  if (role === 'timestamp') return limits.timestampBytes;
  return role === 'snapshot' ? limits.snapshotBytes : limits.targetsBytes;
}
