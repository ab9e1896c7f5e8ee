/**
 * The programs that are built from source: each from a module of its own, since their dependencies clash, with pinned
 * versions and go.sum beside it. The linker's flags stamp a version into them, as the projects' own release builds do.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { must } from '../host/run.ts';
import { cached, digestOf } from './cache.ts';
import { onPath } from './host-tools.ts';

export type Arch = 'amd64' | 'arm64';

interface GoProgram {
  readonly name: string;
  readonly module: 'kube-apiserver' | 'etcd' | 'istio' | 'istioctl';
  readonly package: string;
  readonly tags: string;
  /** `-X` settings: variable -> value. */
  readonly stamp: Readonly<Record<string, string>>;
  readonly arch: Arch;
}

const MODULES = join(import.meta.dirname, '.');
const KUBERNETES = 'v1.37.2';
const ISTIO_COMMIT = 'eed52ebb66ad';

export function kubeApiserver(): Promise<string> {
  const version = 'k8s.io/component-base/version';
  const [major, minor] = KUBERNETES.slice(1).split('.') as [string, string];
  return build({
    name: 'kube-apiserver',
    module: 'kube-apiserver',
    package: 'k8s.io/kubernetes/cmd/kube-apiserver',
    tags: '',
    stamp: { [`${version}.gitVersion`]: KUBERNETES, [`${version}.gitMajor`]: major, [`${version}.gitMinor`]: minor },
    arch: hostArch(),
  });
}

export function etcd(): Promise<string> {
  return build({
    name: 'etcd',
    module: 'etcd',
    package: 'go.etcd.io/etcd/server/v3',
    tags: '',
    stamp: {},
    arch: hostArch(),
  });
}

export function istiod(): Promise<string> {
  return build({ ...istioProgram('pilot-discovery', '1.31.1'), tags: 'vtprotobuf,disable_pgv', arch: hostArch() });
}

/**
 * Of the same version and with the same tags as istiod: most of istioctl comes out of Go's build cache. It has a module
 * of its own, so that a new dependency of istioctl does not build any other program again.
 */
export function istioctl(): Promise<string> {
  const program = { ...istioProgram('istioctl', '1.31.1'), package: 'istio.io/istio/istioctl/cmd/istioctl' };
  return build({ ...program, module: 'istioctl', tags: 'vtprotobuf,disable_pgv', arch: hostArch() });
}

/**
 * pilot-agent which says that it is this version: the same source, another stamp, as far as the tests are concerned
 * another release.
 */
export function pilotAgent(version: string, arch: Arch = hostArch()): Promise<string> {
  return build({ ...istioProgram('pilot-agent', version), tags: 'agent,disable_pgv', arch }, `pilot-agent-${version}`);
}

function istioProgram(name: string, version: string): Omit<GoProgram, 'tags' | 'arch'> {
  const variables = {
    buildVersion: version,
    buildTag: version,
    buildHub: 'docker.io/istio',
    buildStatus: 'Clean',
    buildGitRevision: ISTIO_COMMIT,
  };
  const stamp = Object.fromEntries(
    Object.entries(variables).map(([key, value]) => [`istio.io/istio/pkg/version.${key}`, value]),
  );
  return { name, module: 'istio', package: `istio.io/istio/pilot/cmd/${name}`, stamp };
}

/**
 * Where Istio's own files lie (start script, unit, bootstrap, CRDs): read from there, never copied into the project.
 */
export async function istioModuleDir(): Promise<string> {
  const cwd = join(MODULES, 'istio');
  await goIsThere();
  await must(['go', 'mod', 'download', 'istio.io/istio'], { cwd });
  return (await must(['go', 'list', '-m', '-f', '{{.Dir}}', 'istio.io/istio'], { cwd })).trim();
}

async function build(program: GoProgram, cacheName = program.name): Promise<string> {
  const cwd = join(MODULES, program.module);
  const flags = Object.entries(program.stamp).map(([variable, value]) => `-X ${variable}=${value}`);
  const ldflags = ['-s', '-w', ...flags].join(' ');
  const digest = digestOf(
    ...['go.mod', 'go.sum'].map((file) => readFileSync(join(cwd, file))),
    program.package,
    program.tags,
    ldflags,
    program.arch,
  );
  const folder = await cached(cacheName, digest, async (draft) => {
    await goIsThere();
    const argv = ['nice', '-n', '5', 'go', 'build', '-trimpath', '-tags', program.tags, '-ldflags', ldflags];
    const env = { ...process.env, CGO_ENABLED: '0', GOOS: 'linux', GOARCH: program.arch };
    await must([...argv, '-o', join(draft, program.name), program.package], { cwd, env });
  });
  return join(folder, program.name);
}

async function goIsThere(): Promise<void> {
  // A login shell's PATH is not always what CI gives; this is where Go's own archive is unpacked to.
  if (!onPath('go')) process.env.PATH = `${process.env.PATH ?? ''}:/usr/local/go/bin`;
  if (!onPath('go')) throw new Error('Go 1.26 or later is needed to build it, and there is no "go" on the PATH');
}

export function hostArch(): Arch {
  return process.arch === 'arm64' ? 'arm64' : 'amd64';
}

/** The folder that holds a part's program: part of the keys of what is made from it. */
export function identityOf(programPath: string): string {
  return dirname(programPath).split('/').at(-1) ?? programPath;
}
