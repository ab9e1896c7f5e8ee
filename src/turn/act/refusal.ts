/** Errors that are caused by the content of a package or an archive: only another upload can help. */
import { AgentError } from '../../base/errors.ts';

export function isRefusal({ code }: AgentError): boolean {
  return code.startsWith('SMM43') || code === 'SMM443' || code === 'SMM701';
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
