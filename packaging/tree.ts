/** The files of the package, as they will lie on the machine. */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  globSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';

export interface Contents {
  projectRoot: string;
  version: string;
  /** The bundled agent. */
  code: string;
  copyright: string;
  /** Folder with bin/node. */
  runtime: string;
  runtimeVersion: string;
}

const PAYLOAD = 'usr/lib/smm-agent/payload';

/** Files that are copied as they are: from the project to the machine, with their mode. */
const FILES: readonly (readonly [from: string, to: string, mode: number])[] = [
  ['systemd/smm-agent.service', 'lib/systemd/system/smm-agent.service', 0o644],
  ['systemd/istio.service.d-zz-smm-agent.conf', 'usr/lib/smm-agent/istio.service.d-zz-smm-agent.conf', 0o644],
  ['packaging/files/usr-bin-smm-agent', 'usr/bin/smm-agent', 0o755],
  ['packaging/needrestart/smm-agent.conf', 'etc/needrestart/conf.d/smm-agent.conf', 0o644],
  ['packaging/files/agent.yaml.example', 'usr/share/doc/smm-agent/agent.yaml.example', 0o644],
  ['README.md', 'usr/share/doc/smm-agent/README.md', 0o644],
  ['docs/architecture.md', 'usr/share/doc/smm-agent/docs/architecture.md', 0o644],
  ['docs/benchmarks.md', 'usr/share/doc/smm-agent/docs/benchmarks.md', 0o644],
  ['docs/control-plane.md', 'usr/share/doc/smm-agent/docs/control-plane.md', 0o644],
  ['docs/errors.md', 'usr/share/doc/smm-agent/docs/errors.md', 0o644],
  ['docs/vm-configuration.md', 'usr/share/doc/smm-agent/docs/vm-configuration.md', 0o644],
];

/** Files of the package that an administrator may edit: dpkg asks before it replaces them. */
export const CONFFILES = ['/etc/needrestart/conf.d/smm-agent.conf'];

/** Fills the empty folder `tree`. */
export function layOut(tree: string, contents: Contents): void {
  const { projectRoot, version, code, runtime, runtimeVersion } = contents;
  for (const [from, to, mode] of FILES) put(join(projectRoot, from), join(tree, to), mode);
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
    ['etc/smm/hooks.d', 0o755],
  ] as const) {
    mkdirSync(join(tree, folder), { recursive: true });
    chmodSync(join(tree, folder), mode);
  }

  const runtimeFolder = join(tree, PAYLOAD, 'runtimes', runtimeVersion);
  put(join(runtime, 'bin/node'), join(runtimeFolder, 'bin/node'), 0o755);
  writeManifest(runtimeFolder, { runtime: runtimeVersion }, ['bin/node']);

  const versionFolder = join(tree, PAYLOAD, 'versions', version);
  write(join(versionFolder, 'smm-agent.js'), code);
  symlinkSync(`../../runtimes/${runtimeVersion}`, join(versionFolder, 'node'));
  writeManifest(versionFolder, { version, runtime: runtimeVersion }, ['smm-agent.js']);
}

/** release.json: the folder counts only with it, and what it names can be checked after the installation. */
export function writeManifest(folder: string, about: Record<string, string>, files: readonly string[]): void {
  const records = files.map((file) => {
    const sha256 = createHash('sha256')
      .update(readFileSync(join(folder, file)))
      .digest('hex');
    return [file, { sha256, mode: statSync(join(folder, file)).mode & 0o7777, uid: 0, gid: 0 }] as const;
  });
  write(
    join(folder, 'release.json'),
    `${JSON.stringify({ format: 1, ...about, files: Object.fromEntries(records) }, null, 2)}\n`,
  );
}

function put(from: string, to: string, mode: number): void {
  makeFolder(dirname(to));
  copyFileSync(from, to);
  chmodSync(to, mode);
}

function write(to: string, text: string): void {
  makeFolder(dirname(to));
  writeFileSync(to, text);
  chmodSync(to, 0o644);
}

function makeFolder(folder: string): void {
  if (existsSync(folder)) return;
  makeFolder(dirname(folder));
  mkdirSync(folder);
  // Not by the umask of whoever builds.
  chmodSync(folder, 0o755);
}

/** The same time for every file and folder: the package is the same whenever it is built. */
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

/** Files before the folders that they lie in. Links are not followed, as readdir's own recursion would. */
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
