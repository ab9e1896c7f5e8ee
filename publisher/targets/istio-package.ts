/** The version and architecture that an Istio package names. */
import { basename } from 'node:path';
import { describeError } from '../../src/base/errors.ts';
import { readIdentity } from '../../src/istio/package/control.ts';
import { parseIstioVersion } from '../../src/istio/version.ts';
import { PublishError } from '../errors.ts';
import type { Meaning } from './target-names.ts';

/** Rejects for anything but istio-sidecar of an architecture that agents run on. */
export async function istioMeaning(file: string): Promise<Extract<Meaning, { kind: 'istio' }>> {
  const {
    name,
    version: packaged,
    architecture,
  } = await readIdentity(file).catch((cause: unknown) => {
    const remedy = 'give a whole Debian package';
    throw new PublishError(`cannot publish ${basename(file)}: ${describeError(cause)}`, remedy);
  });
  if (name !== 'istio-sidecar') {
    throw new PublishError(
      `cannot publish ${basename(file)}: it is the package ${name}`,
      'a package must be istio-sidecar; the agent itself is published as smm-agent-<version>.tar.zst, with its node-<version>-<arch>.tar.zst',
    );
  }
  const version = istioVersion(packaged);
  if (version === null) {
    throw new PublishError(
      `cannot publish ${basename(file)}: ${packaged} is not a version of Istio`,
      'name its path with --as',
    );
  }
  if (architecture !== 'amd64' && architecture !== 'arm64') {
    throw new PublishError(
      `cannot publish ${basename(file)}: it is for ${architecture}`,
      'agents run on amd64 and arm64',
    );
  }
  return { kind: 'istio', version, architecture };
}

/**
 * A prerelease 1.31.0-rc.0 is package version 1.31.0rc.0, since a
 * hyphen has another meaning there; likewise a distributor's suffix.
 */
function istioVersion(packaged: string): string | null {
  const [, release, rest = ''] = /^(\d+\.\d+\.\d+)[-~]?(.*)$/.exec(packaged) ?? [];
  if (release === undefined) return null;
  return parseIstioVersion(/^[A-Za-z]/.test(rest) ? `${release}-${rest}` : `${release}${rest}`)?.text ?? null;
}
