/**
 * The official `istio-sidecar` package, made from the real programs and from the files in Istio's own module, packed as
 * fpm packs it; or, as distributors of Istio do, by dpkg-deb.
 */
import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { packAsDpkg } from '../../../support/packages/dpkg.ts';
import type { Compression } from '../../../support/packages/facts.ts';
import { packAsFpm } from '../../../support/packages/fpm.ts';
import { must } from '../host/run.ts';
import { cached, digestOf } from './cache.ts';
import { type EnvoyVersion, envoy } from './envoy-part.ts';
import { type Arch, hostArch, identityOf, istioModuleDir, pilotAgent } from './go-parts.ts';

export interface IstioDebOptions {
  readonly version: string;
  readonly envoy: EnvoyVersion;
  /**
   * What the package says it is for; pilot-agent is built for it. Envoy is always the host's: no test runs a foreign
   * one.
   */
  readonly arch?: Arch;
  readonly compression?: Compression;
  readonly layout?: 'fpm' | 'dpkg';
  /**
   * Makes a bad package: changes the folder before it is packed. The name tells its packages from others in the cache.
   */
  readonly mutation?: { readonly name: string; mutate(folder: string): void | Promise<void> };
}

/** The path of the package. */
export async function makeIstioDeb(options: IstioDebOptions): Promise<string> {
  const { version, arch = hostArch(), compression = 'gzip', layout = 'fpm', mutation } = options;
  const [agent, proxy, module] = [await pilotAgent(version, arch), await envoy(options.envoy), await istioModuleDir()];
  const inputs = [
    '2',
    layout,
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
    await mutation?.mutate(tree);
    const pack = layout === 'fpm' ? packAsFpm : packAsDpkg;
    const postinst = join(module, 'tools/packaging/postinst.sh');
    const facts = { name: 'istio-sidecar', version, architecture: arch, compression, postinst, fast: true };
    await pack(tree, join(draft, 'istio-sidecar.deb'), facts);
    await must(['rm', '-r', tree]);
  });
  return join(folder, 'istio-sidecar.deb');
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

/**
 * For tests of bad releases: Envoy replaced by a script that ends as soon as it is started to serve, but answers
 * --version.
 */
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
