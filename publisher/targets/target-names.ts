/**
 * The meaning of a target's path. The names themselves are
 * made in src/downloads/targets.ts, for publisher and agent alike.
 */
import { basename, posix } from 'node:path';
import semver from 'semver';
import { agentTarget, istioTarget, runtimeTarget, type TargetArchitecture } from '../../src/downloads/targets.ts';
import { parseIstioVersion } from '../../src/istio/version.ts';
import { PublishError } from '../errors.ts';

export type Meaning =
  | { kind: 'agent'; version: string }
  | { kind: 'runtime'; version: string; architecture: TargetArchitecture }
  | { kind: 'istio'; version: string; architecture: TargetArchitecture };

const PATTERNS: readonly (readonly [RegExp, (version: string, architecture: TargetArchitecture) => Meaning])[] = [
  [/^smm-agent-(.+?)\.tar\.zst()$/, (version) => ({ kind: 'agent', version })],
  [/^node-(.+)-(amd64|arm64)\.tar\.zst$/, (version, architecture) => ({ kind: 'runtime', version, architecture })],
  [
    /^istio\/([^/]+)\/istio-sidecar-(amd64|arm64)\.deb$/,
    (version, architecture) => ({ kind: 'istio', version, architecture }),
  ],
];

export function pathOf(meaning: Meaning): string {
  switch (meaning.kind) {
    case 'agent':
      return agentTarget(meaning.version);
    case 'runtime':
      return runtimeTarget(meaning.version, meaning.architecture);
    case 'istio':
      return istioTarget(meaning.version, meaning.architecture);
  }
}

/** The meaning of a path for an agent; null for a path that no agent asks for. */
export function meaningOf(path: string): Meaning | null {
  const meaning = match(path) ?? match(posix.basename(path));
  return meaning !== null && pathOf(meaning) === path ? meaning : null;
}

/** The meaning of a file that `npm run package` built, by its name; null for any other. */
export function meaningOfFile(file: string): Meaning | null {
  return match(basename(file));
}

function match(name: string): Meaning | null {
  for (const [pattern, make] of PATTERNS) {
    const [, version, architecture] = pattern.exec(name) ?? [];
    if (version === undefined) continue;
    const meaning = make(version, architecture as TargetArchitecture);
    const valid = meaning.kind === 'istio' ? parseIstioVersion(version)?.text : semver.valid(version);
    if (valid === version) return meaning;
  }
  return null;
}

/**
 * Throws for a text that cannot be a path in the repository: it becomes a part of URLs and of files on many machines.
 */
export function requirePath(path: string): void {
  const isSafe = /^[A-Za-z0-9_][A-Za-z0-9_.+~-]*(\/[A-Za-z0-9_][A-Za-z0-9_.+~-]*)*$/.test(path);
  if (isSafe) return;
  throw new PublishError(
    `cannot use ${JSON.stringify(path)} as the path of a target`,
    'write names of letters, digits and . _ + ~ - with / between them, for example agent/smm-agent-1.0.0.tar.zst',
  );
}
