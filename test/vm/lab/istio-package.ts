/**
 * The official `istio-sidecar` package, made from the real programs and from the files in Istio's own module: upstream's six files,
 * its postinst, its conffiles and its dependencies.
 */
import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cached, digestOf } from './cache.ts';
import { type EnvoyVersion, envoy } from './envoy-part.ts';
import { type Arch, hostArch, identityOf, istioModuleDir, pilotAgent } from './go-parts.ts';
import { must } from './run.ts';

type Compression = 'gzip' | 'xz' | 'zstd' | 'none';

export interface IstioDebOptions {
  readonly version: string;
  readonly envoy: EnvoyVersion;
  /** What the package says it is for; pilot-agent is built for it. Envoy is always the host's: no test runs a foreign one. */
  readonly arch?: Arch;
  readonly compression?: Compression;
  /** Makes a bad package: changes the unpacked folder (with DEBIAN/ in it). The name tells its packages from others in the cache. */
  readonly mutation?: { readonly name: string; mutate(folder: string): void | Promise<void> };
}

const CONFFILES = ['/var/lib/istio/envoy/envoy_bootstrap_tmpl.json', '/var/lib/istio/envoy/sidecar.env'];

/** The path of the package. */
export async function makeIstioDeb(options: IstioDebOptions): Promise<string> {
  const { version, arch = hostArch(), compression = 'gzip', mutation } = options;
  const [agent, proxy, module] = [await pilotAgent(version, arch), await envoy(options.envoy), await istioModuleDir()];
  const inputs = [
    '1',
    version,
    arch,
    compression,
    identityOf(agent),
    identityOf(proxy),
    mutation?.name ?? '',
    mutation?.mutate.toString() ?? '',
  ];
  const folder = await cached(`istio-sidecar-${version}`, digestOf(...inputs), async (draft) => {
    const tree = join(draft, 'tree');
    const files = packagedFiles(agent, proxy, join(module, 'tools/packaging/common'));
    for (const [path, { source, mode }] of Object.entries(files)) place(source, join(tree, path), mode);
    place(join(module, 'tools/packaging/postinst.sh'), join(tree, 'DEBIAN/postinst'), 0o755);
    writeFileSync(join(tree, 'DEBIAN/conffiles'), `${CONFFILES.join('\n')}\n`);
    writeFileSync(join(tree, 'DEBIAN/control'), control(version, arch));
    await mutation?.mutate(tree);
    // The fastest level: what matters is which decompressor the reader needs.
    const level = compression === 'none' ? [] : ['-z1'];
    await must([
      'dpkg-deb',
      '--root-owner-group',
      `-Z${compression}`,
      ...level,
      '--build',
      tree,
      join(draft, 'istio-sidecar.deb'),
    ]);
    await must(['rm', '-r', tree]);
  });
  return join(folder, 'istio-sidecar.deb');
}

/** Debian's rules leave upstream no hyphen: a prerelease `1.31.0-rc.0` is package version `1.31.0rc.0`. */
function packageVersion(version: string): string {
  return version.replace('-', '');
}

function packagedFiles(agent: string, proxy: string, common: string): Record<string, { source: string; mode: number }> {
  return {
    '/usr/local/bin/envoy': { source: proxy, mode: 0o755 },
    '/usr/local/bin/pilot-agent': { source: agent, mode: 0o755 },
    '/usr/local/bin/istio-start.sh': { source: join(common, 'istio-start.sh'), mode: 0o755 },
    '/lib/systemd/system/istio.service': { source: join(common, 'istio.service'), mode: 0o644 },
    '/var/lib/istio/envoy/sidecar.env': { source: join(common, 'sidecar.env'), mode: 0o644 },
    '/var/lib/istio/envoy/envoy_bootstrap_tmpl.json': { source: join(common, 'envoy_bootstrap.json'), mode: 0o644 },
  };
}

function place(source: string, target: string, mode: number): void {
  mkdirSync(dirname(target), { recursive: true, mode: 0o755 });
  copyFileSync(source, target);
  chmodSync(target, mode);
}

function control(version: string, arch: Arch): string {
  return `Package: istio-sidecar
Version: ${packageVersion(version)}
License: Apache
Vendor: istio.io
Architecture: ${arch}
Maintainer: istio@istio.io
Depends: iproute2, iptables, sudo, hostname
Section: default
Priority: optional
Homepage: http://istio.io
Description: Istio Sidecar
`;
}

/** For tests of bad releases: Envoy replaced by a script that ends as soon as it is started to serve, but answers --version. */
export const DYING_ENVOY = {
  name: 'dying-envoy',
  mutate(folder: string): void {
    const path = join(folder, 'usr/local/bin/envoy');
    writeFileSync(
      path,
      '#!/bin/sh\ncase "$*" in *--version*) echo "envoy  version: lab/1.39.3/Clean/RELEASE/BoringSSL"; exit 0 ;; esac\necho "dying on purpose" >&2\nexit 1\n',
    );
    chmodSync(path, 0o755);
  },
};

/** The digest file that lies beside an official download: `<hex> <name>`. */
export function digestFileOf(debPath: string, name: string): string {
  return `${createHash('sha256').update(readFileSync(debPath)).digest('hex')} ${name}\n`;
}
