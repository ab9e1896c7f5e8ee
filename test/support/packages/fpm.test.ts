import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { run } from '../../../src/host/programs/programs.ts';
import { buildIstioPackage, HOST_ARCHITECTURE } from '../../sandbox/istio-package.ts';
import { temporaryFolder } from '../temporary.ts';
import { listing } from './fpm.ts';

/**
 * What fpm 1.17.0 wrote, run from its sources on Debian 12 with the command line of `deb/fpm` in Istio's
 * tools/packaging/packaging.mk: `ar t`, and `tar tvz` of both archives.
 */
const MEMBERS = ['debian-binary/', 'control.tar.gz/', 'data.tar.gz/'];
const CONTROL = [
  'drwxr-xr-x 0/0 ./',
  '-rw-r--r-- 0/0 ./conffiles',
  '-rw-r--r-- 0/0 ./md5sums',
  '-rw-r--r-- 0/0 ./control',
  '-rwxr-xr-x 0/0 ./postinst',
];
const DATA = [
  'drwxr-xr-x 0/0 ./',
  'drwxr-xr-x 0/0 ./usr/',
  'drwxr-xr-x 0/0 ./usr/share/',
  'drwxr-xr-x 0/0 ./usr/share/doc/',
  'drwxr-xr-x 0/0 ./usr/share/doc/istio-sidecar/',
  '-rw-r--r-- 0/0 ./usr/share/doc/istio-sidecar/changelog.gz',
  'drwxr-xr-x 0/0 ./usr/local/',
  'drwxr-xr-x 0/0 ./usr/local/bin/',
  '-rwxr-xr-x 0/0 ./usr/local/bin/pilot-agent',
  '-rwxr-xr-x 0/0 ./usr/local/bin/istio-start.sh',
  '-rwxr-xr-x 0/0 ./usr/local/bin/envoy',
  'drwxr-xr-x 0/0 ./var/',
  'drwxr-xr-x 0/0 ./var/lib/',
  'drwxr-xr-x 0/0 ./var/lib/istio/',
  'drwxr-xr-x 0/0 ./var/lib/istio/envoy/',
  '-rw-r--r-- 0/0 ./var/lib/istio/envoy/envoy_bootstrap_tmpl.json',
  '-rw-r--r-- 0/0 ./var/lib/istio/envoy/sidecar.env',
  'drwxr-xr-x 0/0 ./lib/',
  'drwxr-xr-x 0/0 ./lib/systemd/',
  'drwxr-xr-x 0/0 ./lib/systemd/system/',
  '-rw-r--r-- 0/0 ./lib/systemd/system/istio.service',
];

describe('a package of the tests', () => {
  it("has members, entries, control files and fields as fpm writes Istio's official one", async () => {
    await using folder = await temporaryFolder();
    const deb = join(folder.path, 'istio-sidecar.deb');
    await buildIstioPackage(deb, { version: '1.31.0-rc.0' });
    assert.deepEqual(members(await readFile(deb)), MEMBERS);
    assert.deepEqual(await listing(deb, 'ctrl'), CONTROL);
    assert.deepEqual(await listing(deb, 'fsys'), DATA);
    const { stdout } = await run(['dpkg-deb', '--field', deb]);
    const fields = stdout.replace(/(?<=Installed-Size: )\d+/, '*');
    assert.equal(
      fields,
      `Package: istio-sidecar
Version: 1.31.0rc.0
License: Apache
Vendor: istio.io
Architecture: ${HOST_ARCHITECTURE}
Maintainer: istio@istio.io
Installed-Size: *
Depends: iproute2, iptables, sudo, hostname
Section: default
Priority: optional
Homepage: http://istio.io
Description: Istio Sidecar
`,
    );
    const { stdout: conffiles } = await run(['dpkg-deb', '--info', deb, 'conffiles']);
    assert.equal(conffiles, '/var/lib/istio/envoy/envoy_bootstrap_tmpl.json\n/var/lib/istio/envoy/sidecar.env\n');
    const { stdout: sums } = await run(['dpkg-deb', '--info', deb, 'md5sums']);
    assert.deepEqual(
      sums
        .trimEnd()
        .split('\n')
        .map((line) => line.replace(/^[0-9a-f]{32} {2}/, '')),
      DATA.filter((line) => line.startsWith('-'))
        .map((line) => line.replace(/^.* \.\//, ''))
        .sort(),
    );
  });
});

function members(deb: Buffer): string[] {
  const names: string[] = [];
  for (let at = 8; at < deb.length; ) {
    const size = Number(deb.toString('latin1', at + 48, at + 58));
    names.push(deb.toString('latin1', at, at + 16).trimEnd());
    at += 60 + size + (size % 2);
  }
  return names;
}
