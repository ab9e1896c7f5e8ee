/** Packages and archives that are at fault themselves: only another upload changes that. */
import { AgentError } from '../../base/errors.ts';

export function isRefusal({ code }: AgentError): boolean {
  return code.startsWith('SMM43') || code === 'SMM443' || code === 'SMM701';
}

/** A package of Istio was refused for what it holds. */
export class PackageRefused extends AgentError {
  readonly packageDigest: string;

  constructor({ code, message, remedy, cause }: AgentError, packageDigest: string) {
    super(code, message, remedy, cause === undefined ? undefined : { cause });
    this.packageDigest = packageDigest;
  }
}

/** Any error that staging rejects with; a refusal knows which package it is about. */
export function aboutPackage(error: unknown, packageDigest: string): unknown {
  return error instanceof AgentError && isRefusal(error) ? new PackageRefused(error, packageDigest) : error;
}
