/** A Debian package made of a tree of files. The same input gives the same bytes. */
import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Contents, conffiles, copyScripts, layOut, sizeKb, stampAll } from './tree.ts';

/** `xz` for packages that are shipped; `none` for tests, which need the package quickly. */
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

/** Builds the package and resolves to its path. Rejects when dpkg-deb is missing or fails. */
export async function buildDeb({
  architecture,
  contents,
  output,
  compression,
  sourceDateEpoch,
}: DebOptions): Promise<string> {
  mkdirSync(output, { recursive: true });
  const draft = mkdtempSync(join(output, '.deb-'));
  const version = debianVersion(contents.version);
  const file = join(output, `smm-agent_${version}_${architecture}.deb`);
  try {
    chmodSync(draft, 0o755);
    layOut(draft, contents);
    const size = sizeKb(draft);
    copyScripts(join(contents.projectRoot, 'packaging/deb'), join(draft, 'DEBIAN'));
    writeFileSync(join(draft, 'DEBIAN/control'), control(version, architecture, size), { mode: 0o644 });
    writeFileSync(
      join(draft, 'DEBIAN/conffiles'),
      conffiles(contents)
        .map((name) => `${name}\n`)
        .join(''),
      { mode: 0o644 },
    );
    stampAll(draft, sourceDateEpoch);
    // With several threads xz would cut the data at other places, and give other bytes.
    const options = [
      '--root-owner-group',
      `-Z${compression}`,
      ...(compression === 'xz' ? ['-z6', '--threads-max=1'] : []),
    ];
    await dpkgDeb([...options, '--build', draft, file], sourceDateEpoch);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return file;
}

/** dpkg would sort 1.0.0-rc.1 after 1.0.0, as a later build of it; a version with `~` sorts before the one without. */
export function debianVersion(version: string): string {
  const [release = '', ...prerelease] = version.split('-');
  // dpkg would take any other hyphen for the one before Debian's own revision.
  return prerelease.length === 0 ? release : `${release}~${prerelease.join('.')}`;
}

async function dpkgDeb(args: readonly string[], sourceDateEpoch: number): Promise<void> {
  try {
    await promisify(execFile)('dpkg-deb', args, {
      env: { ...process.env, SOURCE_DATE_EPOCH: String(sourceDateEpoch) },
    });
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'dpkg-deb is needed, from the package dpkg' : message;
    throw new Error(`cannot build the package: ${why}`, { cause });
  }
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
 smm-agent stages the Istio that the control plane wants, binaries and configuration, without touching the
 running one, and tells the control plane and the operator exactly when a restart is due.
 Only the operator, or a rule that the operator wrote, restarts Istio.
`;
}
