/** The files of the package, as they will lie on the machine. */
import {
  chmodSync,
  cpSync,
  globSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { put, write } from './place.ts';
import { layOutRuntime, layOutVersion, type RuntimeContents, type VersionContents } from './release-folders.ts';

export interface Contents extends VersionContents, RuntimeContents {
  projectRoot: string;
  /** root.json of the repository that the machines trust; absent: the package brings none. */
  trustedRoot?: string | undefined;
}

const PAYLOAD = 'usr/lib/smm-agent/payload';

/** Files that are copied as they are: from the project to the machine, with their mode. */
const FILES: readonly (readonly [from: string, to: string, mode: number])[] = [
  ['systemd/smm-agent.service', 'lib/systemd/system/smm-agent.service', 0o644],
  ['systemd/smm-agent-hosts.service', 'lib/systemd/system/smm-agent-hosts.service', 0o644],
  ['systemd/istio.service.d-zz-smm-agent.conf', 'usr/lib/smm-agent/istio.service.d-zz-smm-agent.conf', 0o644],
  ['packaging/files/usr-bin-smm-agent', 'usr/bin/smm-agent', 0o755],
  ['packaging/files/choose-version', 'usr/lib/smm-agent/choose-version', 0o755],
  ['packaging/needrestart/smm-agent.conf', 'etc/needrestart/conf.d/smm-agent.conf', 0o644],
  ['packaging/files/agent.yaml.example', 'usr/share/doc/smm-agent/agent.yaml.example', 0o644],
  ['README.md', 'usr/share/doc/smm-agent/README.md', 0o644],
  ['systemd/README.md', 'usr/share/doc/smm-agent/systemd/README.md', 0o644],
];

const TRUSTED_ROOT = 'etc/smm/repository/root.json';

/** Files of the package that an administrator may edit: dpkg asks before it replaces them. */
export function conffiles({ trustedRoot }: Contents): string[] {
  return ['/etc/needrestart/conf.d/smm-agent.conf', ...(trustedRoot === undefined ? [] : [`/${TRUSTED_ROOT}`])];
}

/** Fills the empty folder `tree`. */
export function layOut(tree: string, contents: Contents): void {
  const { projectRoot, version, runtimeVersion, trustedRoot } = contents;
  for (const [from, to, mode] of FILES) put(join(projectRoot, from), join(tree, to), mode);
  for (const page of globSync('docs/*.md', { cwd: projectRoot })) {
    put(join(projectRoot, page), join(tree, 'usr/share/doc/smm-agent', page), 0o644);
  }
  for (const manifest of globSync('packaging/kubernetes/*', { cwd: projectRoot })) {
    put(join(projectRoot, manifest), join(tree, 'usr/share/smm-agent/kubernetes', basename(manifest)), 0o644);
  }
  for (const script of readdirSync(join(projectRoot, 'systemd/bin'))) {
    const from = join(projectRoot, 'systemd/bin', script);
    put(from, join(tree, PAYLOAD, 'bin', script), (statSync(from).mode & 0o100) === 0 ? 0o644 : 0o755);
  }
  write(join(tree, 'usr/share/doc/smm-agent/copyright'), contents.copyright);
  for (const [folder, mode] of [
    ['etc/smm', 0o755],
    ['etc/smm/credentials', 0o700],
  ] as const) {
    mkdirSync(join(tree, folder), { recursive: true });
    chmodSync(join(tree, folder), mode);
  }

  if (trustedRoot !== undefined) put(trustedRoot, join(tree, TRUSTED_ROOT), 0o644);

  layOutRuntime(join(tree, PAYLOAD, 'runtimes', runtimeVersion), contents);
  const versionFolder = join(tree, PAYLOAD, 'versions', version);
  layOutVersion(versionFolder, contents);
  symlinkSync(`../../runtimes/${runtimeVersion}`, join(versionFolder, 'node'));
}

/** The same time for every file and folder, so that the time of the build does not change the package. */
export function stampAll(tree: string, seconds: number): void {
  for (const path of [...everythingIn(tree), tree]) lutimesSync(path, seconds, seconds);
}

/** Kilobytes for Installed-Size: the payload counts twice, since postinst copies it to /opt. */
export function sizeKb(tree: string): number {
  const payload = join(tree, PAYLOAD);
  const sizes = everythingIn(tree).map((path) => {
    const size = Math.ceil(lstatSync(path).size / 1024) || 1;
    return path.startsWith(payload) ? 2 * size : size;
  });
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Files before their folders. Links are not followed; readdir's own recursion would follow them. */
function everythingIn(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? [...everythingIn(path), path] : [path];
  });
}

/** The maintainer scripts, executable. */
export function copyScripts(from: string, to: string): void {
  cpSync(from, to, { recursive: true });
  for (const script of readdirSync(to)) chmodSync(join(to, script), 0o755);
}
