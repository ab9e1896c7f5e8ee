/** Errors that are caused by the content of a package or an archive: only another upload can help. */
import { AgentError, isAgentError } from '../../base/errors.ts';

/** A package that cannot be unpacked, programs of another version, and an archive of the agent with wrong content. */
const REFUSALS = ['SMM430', 'SMM431', 'SMM432', 'SMM433', 'SMM434', 'SMM435', 'SMM443', 'SMM701'] as const;

export function isRefusal(error: AgentError): boolean {
  return isAgentError(error, ...REFUSALS);
}

/** A package of Istio was refused for its content. */
export class PackageRefused extends AgentError {
  readonly packageDigest: string;

  constructor({ code, message, remedy, cause }: AgentError, packageDigest: string) {
    super(code, message, remedy, cause === undefined ? undefined : { cause });
    this.packageDigest = packageDigest;
  }
}

/** Adds the package's digest to an error of staging, if the error is a refusal. */
export function aboutPackage(error: unknown, packageDigest: string): unknown {
  return error instanceof AgentError && isRefusal(error) ? new PackageRefused(error, packageDigest) : error;
}
