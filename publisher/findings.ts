/** The findings of a check of a repository: each question is a method here, and each bad answer becomes a sentence. */
import { durationMs } from './durations.ts';
import { PublishError } from './errors.ts';
import { readMetadata, type Sealed } from './signing/metadata.ts';
import type { RoleName } from './signing/roles.ts';
import { roleOf, tally } from './signing/signatures.ts';

export interface RoleReport {
  role: RoleName;
  version: number;
  expires: string;
  /** How many keys have signed, must sign, and may sign. */
  signed: number;
  threshold: number;
  keys: number;
}

/** So long before a role expires there is a warning, milliseconds; at most a third of its time. */
const WARN_MS: Record<RoleName, number> = {
  root: 45 * 86_400_000,
  targets: 14 * 86_400_000,
  snapshot: 7 * 86_400_000,
  timestamp: 2 * 86_400_000,
};

export class Findings {
  /** What is wrong: clients refuse something, or will not find it. */
  readonly problems: string[] = [];
  /** What will be wrong soon. */
  readonly warnings: string[] = [];
  readonly roles: RoleReport[] = [];
  readonly targets: { path: string; bytes: number }[] = [];
  readonly #now: Date;
  readonly #expires: Record<RoleName, string>;

  constructor(now: Date, expires: Record<RoleName, string>) {
    this.#now = now;
    this.#expires = expires;
  }

  /** Null for a file that is not one of the role. */
  async read<R extends RoleName>(role: R, file: string): Promise<Sealed<R> | null> {
    try {
      return await readMetadata(file, role);
    } catch (error) {
      if (!(error instanceof PublishError)) throw error;
      this.problems.push(error.message);
      return null;
    }
  }

  /** The file must have the version that its name has. */
  requireVersion(sealed: Sealed, version: number, file: string): void {
    if (sealed.metadata.signed.version === version) return;
    this.problems.push(`${file} says that it is version ${sealed.metadata.signed.version}`);
  }

  /** As many keys as `by` asks for must have signed it. */
  requireSigned(by: Sealed<'root'>, role: RoleName, sealed: Sealed, before = ''): void {
    const { signed, threshold } = tally(by.metadata.signed, role, sealed.metadata);
    if (signed.length >= threshold) return;
    const { version } = sealed.metadata.signed;
    this.problems.push(
      `${before}${role} ${version} has ${signed.length} valid signatures of the ${threshold} that it needs`,
    );
  }

  /** Adds a role to the report, and a warning when it expires soon. */
  report(root: Sealed<'root'>, role: RoleName, sealed: Sealed): void {
    const { version, expires } = sealed.metadata.signed;
    const { signed, threshold } = tally(root.metadata.signed, role, sealed.metadata);
    const keys = roleOf(root.metadata.signed, role).keyIDs.length;
    this.roles.push({ role, version, expires, signed: signed.length, threshold, keys });
    const leftMs = Date.parse(expires) - this.#now.getTime();
    const warnMs = Math.min(WARN_MS[role], durationMs(this.#expires[role], role) / 3);
    if (leftMs <= 0) this.problems.push(`${role} ${version} has expired: it was valid until ${expires}`);
    else if (leftMs <= warnMs) this.warnings.push(`${role} ${version} expires soon: it is valid until ${expires}`);
  }

  /** The file must be the one that the metadata above it names. */
  requireNamed(sealed: Sealed, named: Named, file: string): void {
    this.requireVersion(sealed, named.version, file);
    try {
      named.verify(sealed.bytes);
    } catch (error) {
      this.problems.push(`${file} is not the file that is named: ${(error as Error).message}`);
    }
  }
}

/** The way in which metadata names other metadata. */
export interface Named {
  version: number;
  /** Throws for other bytes. */
  verify(data: Buffer): void;
}
