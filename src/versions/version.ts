/** What a version of the agent is: one folder with the bundle, which names the runtime that it runs on. */
import { z } from 'zod';

/** As `is_version` in systemd/bin/agent-lib.sh: change both. It becomes the name of a folder. */
export const VERSION_NAME = /^[0-9][0-9A-Za-z.+-]*$/;

/** From this version on the agent checks itself, and confirms itself when it is on probation. */
const FIRST_WITH_PROBATION = '0.2.0-0';

/**
 * Whether a version can be on probation: an earlier one would never confirm itself, and would always be rolled back.
 */
export async function knowsProbation(version: string): Promise<boolean> {
  const semver = await import('../base/semver.ts');
  return semver.valid(version) !== null && semver.gte(version, FIRST_WITH_PROBATION);
}

/** Names inside of a version's folder. systemd/bin uses the same names, and so does packaging/tree.ts. */
export const VERSION_FILES = {
  program: 'smm-agent.js',
  /** Flags of node, in one line: they belong to the version, since another Node may know others. */
  flags: 'flags',
  /** Link to the folder of the runtime. Made when the version gets its place; no archive has it. */
  node: 'node',
  manifest: 'release.json',
} as const;

/** Below a runtime's folder. */
export const NODE_PROGRAM = 'bin/node';

const FileRecord = z.object({
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  mode: z.int().min(0).max(0o7777),
});
const files = z.record(z.string(), FileRecord);

/** `release.json` of a version. Fields that a later version adds are accepted. */
export const VersionManifest = z.object({
  format: z.literal(1),
  version: z.string().regex(VERSION_NAME),
  /** Version of Node. */
  runtime: z.string().regex(VERSION_NAME),
  /** Every file of the folder but this one, and the link. */
  files,
});
export type VersionManifest = z.infer<typeof VersionManifest>;

export const RuntimeManifest = z.object({ format: z.literal(1), runtime: z.string().regex(VERSION_NAME), files });
export type RuntimeManifest = z.infer<typeof RuntimeManifest>;

export type FileRecords = VersionManifest['files'];
