/**
 * Makes istio-sidecar packages in the layouts of fpm and dpkg, with stand-ins for the two programs. `pilot-agent` is a
 * script that answers `version -o json` and starts Envoy as the real one does. `envoy` is a copy of `sleep`, so that
 * /proc/<pid>/exe of the running Envoy has the same path as on a real machine.
 */
import { chmod, copyFile, mkdir, realpath, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { packAsDpkg } from '../support/packages/dpkg.ts';
import type { Compression } from '../support/packages/facts.ts';
import { packAsFpm } from '../support/packages/fpm.ts';

export interface IstioPackageOptions {
  version: string;
  /** The architecture; by default that of this machine. */
  architecture?: string;
  packageName?: string;
  compression?: Compression;
  /** The layout; by default that of fpm, which the official packages have. */
  layout?: 'fpm' | 'dpkg';
  /** The version that `pilot-agent version` prints, if it is another one. */
  reportedVersion?: string;
  /** Content for a path instead of the stand-in; null leaves the file out. */
  files?: Record<string, string | null>;
  /** Called with the folder before it is packed. */
  change?: (tree: string) => Promise<void>;
}

const UNIT = `[Unit]
Description=istio-sidecar: The Istio sidecar
After=network.target

[Service]
ExecStartPre=+/usr/bin/install -d -o istio-proxy -m 0755 /var/run/secrets
ExecStart=/usr/local/bin/istio-start.sh
ExecStopPost=/usr/local/bin/istio-start.sh clean
Restart=always
RestartSec=10
StartLimitIntervalSec=0
KillMode=mixed
TimeoutStopSec=30s

[Install]
WantedBy=multi-user.target
`;

const START_SCRIPT = `#!/usr/bin/env bash
set -e
ISTIO_SIDECAR_CONFIG=\${ISTIO_SIDECAR_CONFIG:-/var/lib/istio/envoy/sidecar.env}
ISTIO_CLUSTER_CONFIG=\${ISTIO_CLUSTER_CONFIG:-/var/lib/istio/envoy/cluster.env}
set -a
if [[ -r "$ISTIO_SIDECAR_CONFIG" ]]; then . "$ISTIO_SIDECAR_CONFIG"; fi
if [[ -r "$ISTIO_CLUSTER_CONFIG" ]]; then . "$ISTIO_CLUSTER_CONFIG"; fi
set +a
[[ "$1" == clean ]] && exit 0
exec "\${ISTIO_BIN_BASE:-/usr/local/bin}/pilot-agent" proxy $ISTIO_AGENT_FLAGS
`;

/** Like the real program, takes Envoy from binaryPath of the mesh file, and ends when Envoy ends. */
function pilotAgent(version: string): string {
  return `#!/bin/sh
# Stand-in for pilot-agent ${version}.
case "$1" in
version)
  echo "a line of a library" >&2
  echo '{"clientVersion": {"version": "${version}", "revision": "0000", "status": "Clean"}}'
  ;;
proxy)
  shift
  mesh=./etc/istio/config/mesh
  while [ $# -gt 0 ]; do
    case "$1" in
    --meshConfig) mesh=$2; shift ;;
    --meshConfig=*) mesh=\${1#--meshConfig=} ;;
    esac
    shift
  done
  envoy=$(sed -n 's/^ *binaryPath: *//p' "$mesh" 2>/dev/null | tr -d "\\"'" | tail -n 1)
  "\${envoy:-/usr/local/bin/envoy}" infinity &
  envoy_pid=$!
  trap 'kill "$envoy_pid"; wait "$envoy_pid"; exit 0' TERM INT
  wait "$envoy_pid"
  ;;
*) echo "unknown command $1" >&2; exit 1 ;;
esac
`;
}

/** The architecture of this machine, as packages name it. */
export const HOST_ARCHITECTURE = process.arch === 'arm64' ? 'arm64' : 'amd64';

/**
 * Writes the six files of the package, with the modes of Istio's package, below `tree`. Tests also use it to install
 * the package.
 */
export async function writeIstioFiles(tree: string, options: IstioPackageOptions): Promise<void> {
  const { version, reportedVersion = version, files = {} } = options;
  const standIns: Record<string, string> = {
    'usr/local/bin/pilot-agent': pilotAgent(reportedVersion),
    'usr/local/bin/istio-start.sh': START_SCRIPT,
    'lib/systemd/system/istio.service': UNIT,
    'var/lib/istio/envoy/sidecar.env': '# Environment of the sidecar: all comments, as upstream ships it.\n',
    'var/lib/istio/envoy/envoy_bootstrap_tmpl.json': `{"node": {"metadata": {"bootstrapOf": "${version}"}}}\n`,
  };
  for (const [path, content] of Object.entries({ ...standIns, ...files })) {
    if (content === null) continue;
    await mkdir(join(tree, dirname(path)), { recursive: true });
    await writeFile(join(tree, path), content);
    await chmod(join(tree, path), path.startsWith('usr/local/bin/') ? 0o755 : 0o644);
  }
  if (!('usr/local/bin/envoy' in files)) {
    const envoy = join(tree, 'usr/local/bin/envoy');
    await mkdir(dirname(envoy), { recursive: true });
    await copyFile(await realpath('/bin/sleep'), envoy);
    await chmod(envoy, 0o755);
  }
}

/** Writes a package to `file`. Needs GNU tar; for the layout of dpkg, dpkg-deb. */
export async function buildIstioPackage(file: string, options: IstioPackageOptions): Promise<void> {
  const { version, architecture = HOST_ARCHITECTURE, packageName: name = 'istio-sidecar' } = options;
  const { compression = 'gzip', layout = 'fpm' } = options;
  const tree = `${file}.tree`;
  const postinst = `${file}.postinst`;
  await mkdir(tree, { recursive: true, mode: 0o755 });
  try {
    await writeIstioFiles(tree, options);
    await writeFile(postinst, '#!/bin/sh\nset -e\n');
    await options.change?.(tree);
    const pack = layout === 'fpm' ? packAsFpm : packAsDpkg;
    await pack(tree, file, { name, version, architecture, compression, postinst });
  } finally {
    await rm(tree, { recursive: true, force: true });
    await rm(postinst, { force: true });
  }
}
