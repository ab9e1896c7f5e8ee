/** A Debian package made of a tree of files. The same input gives the same bytes. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CONFFILES, type Contents, copyScripts, layOut, sizeKb, stampAll } from './tree.ts';

/** `xz` for what is shipped; `none` for tests, which only want the package fast. */
export type Compression = 'xz' | 'none';

export interface DebOptions {
  architecture: 'amd64' | 'arm64';
  contents: Contents;
  /** Folder for the package. */
  output: string;
  compression: Compression;
  /** Seconds since the epoch: the time of every file in it. */
  sourceDateEpoch: number;
}

/** Builds the package and returns its path. Throws when dpkg-deb is missing or fails. */
export function buildDeb({ architecture, contents, output, compression, sourceDateEpoch }: DebOptions): string {
  mkdirSync(output, { recursive: true });
  const draft = mkdtempSync(join(output, '.deb-'));
  const file = join(output, `smm-agent_${contents.version}_${architecture}.deb`);
  try {
    chmodSync(draft, 0o755);
    layOut(draft, contents);
    const size = sizeKb(draft);
    copyScripts(join(contents.projectRoot, 'packaging/deb'), join(draft, 'DEBIAN'));
    writeFileSync(join(draft, 'DEBIAN/control'), control(contents.version, architecture, size), { mode: 0o644 });
    writeFileSync(join(draft, 'DEBIAN/conffiles'), CONFFILES.map((name) => `${name}\n`).join(''), { mode: 0o644 });
    stampAll(draft, sourceDateEpoch);
    const options = [
      '--root-owner-group',
      `-Z${compression}`,
      ...(compression === 'xz' ? ['-z6', '--threads-max=1'] : []),
    ];
    const result = spawnSync('dpkg-deb', [...options, '--build', draft, file], {
      // Several threads would cut the data elsewhere.
      env: { ...process.env, SOURCE_DATE_EPOCH: String(sourceDateEpoch) },
      encoding: 'utf8',
    });
    if (result.error) throw new Error(`cannot build the package: dpkg-deb is needed (${result.error.message})`);
    if (result.status !== 0) throw new Error(`cannot build the package: ${result.stderr.trim()}`);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return file;
}

function control(version: string, architecture: string, size: number): string {
  return `Package: smm-agent
Version: ${version}
Architecture: ${architecture}
Maintainer: The smm-agent authors <smm-agent@localhost>
Installed-Size: ${size}
Depends: libc6 (>= 2.28), libstdc++6 (>= 8), libgcc-s1 | libgcc1, dpkg, init-system-helpers (>= 1.51), passwd, tar, util-linux
Recommends: ca-certificates, iproute2, iptables, systemd
Section: admin
Priority: optional
Description: keeps a virtual machine of an Istio mesh on the Istio that its namespace asks for
 smm-agent stages the Istio which the control plane wants, binaries and configuration, without touching the
 running one, and tells the control plane and the operator exactly when a restart is due.
 Nobody but the operator, or a rule that the operator wrote, restarts Istio.
`;
}
