/**
 * What an istio-sidecar package says of itself, however it is packed: as `tools/packaging/packaging.mk` of Istio's
 * module has it.
 */

export type Compression = 'gzip' | 'xz' | 'zstd' | 'none';

export interface DebFacts {
  name: string;
  /** Istio's, for example `1.31.0-rc.0`. */
  version: string;
  architecture: string;
  compression: Compression;
  /** Path of the postinst. */
  postinst: string;
  /**
   * The fastest level instead of the packer's own, for large packages: what matters is which decompressor the reader
   * needs.
   */
  fast?: boolean;
}

export const CONFFILES = ['/var/lib/istio/envoy/envoy_bootstrap_tmpl.json', '/var/lib/istio/envoy/sidecar.env'];

/** As packaging.mk: the first hyphen goes, so that a prerelease `1.31.0-rc.0` is package version `1.31.0rc.0`. */
export function packageVersion(version: string): string {
  return version.replace('-', '');
}

/**
 * `installedKb` is null where the packer does not say it. The fields in the order of fpm's template
 * (templates/deb.erb).
 */
export function controlFile(facts: DebFacts, installedKb: number | null): string {
  const fields: [string, string | null][] = [
    ['Package', facts.name],
    ['Version', packageVersion(facts.version)],
    ['License', 'Apache'],
    ['Vendor', 'istio.io'],
    ['Architecture', facts.architecture],
    ['Maintainer', 'istio@istio.io'],
    ['Installed-Size', installedKb === null ? null : String(installedKb)],
    ['Depends', 'iproute2, iptables, sudo, hostname'],
    ['Section', 'default'],
    ['Priority', 'optional'],
    ['Homepage', 'http://istio.io'],
    ['Description', 'Istio Sidecar'],
  ];
  return fields.map(([name, value]) => (value === null ? '' : `${name}: ${value}\n`)).join('');
}
