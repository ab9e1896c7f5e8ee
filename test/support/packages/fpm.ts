/**
 * Packs a folder as fpm does, which makes Istio's official packages: to the letter of what fpm 1.17
 * (lib/fpm/package/deb.rb) wrote when it was run with the command line of Istio's packaging.mk. fpm runs tar and ar; so
 * does this, but for ar, whose format is a line for each member and which not every machine has.
 * test/support/packages/fpm.test.ts has what fpm's own package looked like.
 */
import { execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { chmod, copyFile, lstat, mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { CONFFILES, type Compression, controlFile, type DebFacts, packageVersion } from './facts.ts';

const execute = promisify(execFile);

/** Suffix of the archives, and the program with fpm's own level and with the fastest one. */
const COMPRESSORS: Record<Compression, { suffix: string; program: string | null; fast: string | null }> = {
  gzip: { suffix: '.gz', program: 'gzip -9', fast: 'gzip -1' },
  xz: { suffix: '.xz', program: 'xz -3', fast: 'xz -0 -T0' },
  zstd: { suffix: '.zst', program: 'zstd -3', fast: 'zstd -1' },
  none: { suffix: '', program: null, fast: null },
};
/** The order of the file system in which fpm ran; what is not named here comes behind, by name. */
const ORDER = [
  'usr/share',
  'usr/local/bin/pilot-agent',
  'usr/local/bin/istio-start.sh',
  'usr/local/bin/envoy',
  'usr',
  'var/lib/istio/envoy/envoy_bootstrap_tmpl.json',
  'var',
  'lib',
];
const CONTROL_FILES = ['conffiles', 'md5sums', 'control', 'postinst'];

/** Writes the package to `file`; adds fpm's changelog to `tree`. Needs GNU tar, and the compressor's program. */
export async function packAsFpm(tree: string, file: string, facts: DebFacts): Promise<void> {
  const work = `${file}.fpm`;
  await mkdir(join(work, 'control'), { recursive: true });
  try {
    await writeChangelog(tree, facts);
    const paths = await pathsOf(tree);
    await writeControl(tree, join(work, 'control'), paths, facts);
    const { suffix } = COMPRESSORS[facts.compression];
    const [control, data] = [join(work, `control.tar${suffix}`), join(work, `data.tar${suffix}`)];
    await tar(join(work, 'control'), CONTROL_FILES, control, facts);
    await tar(tree, paths, data, facts);
    await writeFile(join(work, 'debian-binary'), '2.0\n');
    await archive(file, [join(work, 'debian-binary'), control, data]);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/**
 * templates/deb/changelog.erb, which is written whether anybody asks for it or not; without a Debian changelog it is
 * changelog.gz.
 */
async function writeChangelog(tree: string, { name, version }: DebFacts): Promise<void> {
  const folder = join(tree, 'usr/share/doc', name);
  await mkdir(folder, { recursive: true });
  const at = new Date().toUTCString().replace('GMT', '+0000');
  const text = `${name} (${packageVersion(version)}) ; urgency=medium\n\n  * Package created with FPM.\n\n -- istio@istio.io  ${at}\n`;
  await writeFile(join(folder, 'changelog.gz'), gzipSync(text, { level: 9 }));
}

/** Everything below the tree, each folder in front of what it holds. */
async function pathsOf(tree: string): Promise<string[]> {
  const found = await readdir(tree, { recursive: true, withFileTypes: true });
  const paths = found.map((entry) => relative(tree, join(entry.parentPath, entry.name)));
  const rank = (path: string) => {
    const at = ORDER.findIndex((start) => path === start || path.startsWith(`${start}/`));
    return at === -1 ? ORDER.length : at;
  };
  const files = paths.sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
  const ordered = new Set<string>();
  for (const path of files) {
    const parts = path.split('/');
    for (let length = 1; length <= parts.length; length++) ordered.add(parts.slice(0, length).join('/'));
  }
  return [...ordered];
}

async function writeControl(tree: string, folder: string, paths: string[], facts: DebFacts): Promise<void> {
  const sums: string[] = [];
  let bytes = 0;
  for (const path of [...paths].sort()) {
    const found = await lstat(join(tree, path));
    if (!found.isDirectory()) bytes += found.size;
    if (found.isFile()) sums.push(`${await md5(join(tree, path))}  ${path}\n`);
  }
  const files: [string, string][] = [
    [
      'conffiles',
      CONFFILES.filter((path) => paths.includes(path.slice(1)))
        .map((path) => `${path}\n`)
        .join(''),
    ],
    ['md5sums', sums.join('')],
    ['control', controlFile(facts, Math.floor(bytes / 1024))],
  ];
  for (const [name, text] of files) await writeFile(join(folder, name), text, { mode: 0o644 });
  await copyFile(facts.postinst, join(folder, 'postinst'));
  await chmod(join(folder, 'postinst'), 0o755);
  await chmod(folder, 0o755);
}

async function md5(path: string): Promise<string> {
  const hash = createHash('md5');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** GNU's own format, whose long names have entries of their own; owner 0/0 by number; `./` first. */
async function tar(
  folder: string,
  paths: string[],
  into: string,
  { compression, fast = false }: DebFacts,
): Promise<void> {
  const { program, fast: fastest } = COMPRESSORS[compression];
  const compressor = fast ? fastest : program;
  const args = ['-C', folder, '--format=gnu', '--numeric-owner', '--owner', '0', '--group', '0', '--no-recursion'];
  if (compressor !== null) args.push(`--use-compress-program=${compressor}`);
  const child = spawn('tar', [...args, '-cf', into, '--verbatim-files-from', '--files-from=-'], {
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  child.stdin.end(['./', ...paths.map((path) => `./${path}`)].join('\n'));
  const status = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
  if (status !== 0) throw new Error(`tar ended with ${status}`);
}

/** As `ar -qcD`: names end in a slash, time and owners are 0, members begin at even places. */
async function archive(file: string, members: string[]): Promise<void> {
  await writeFile(file, '!<arch>\n');
  for (const member of members) {
    const { size } = await stat(member);
    const fields: [string, number][] = [
      [`${basename(member)}/`, 16],
      ['0', 12],
      ['0', 6],
      ['0', 6],
      ['644', 8],
      [`${size}`, 10],
    ];
    await writeFile(file, `${fields.map(([text, width]) => text.padEnd(width)).join('')}\`\n`, { flag: 'a' });
    await pipeline(createReadStream(member), createWriteStream(file, { flags: 'a' }));
    if (size % 2 === 1) await writeFile(file, '\n', { flag: 'a' });
  }
}

/** The entries of a package's archive as tar lists them: mode, owner, size and path. */
export async function listing(deb: string, part: 'ctrl' | 'fsys'): Promise<string[]> {
  const { stdout } = await execute('/bin/sh', [
    '-c',
    'dpkg-deb "--$2-tarfile" "$1" | tar -tv --numeric-owner -f -',
    'sh',
    deb,
    part,
  ]);
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.replace(/ +\d+ \d{4}-\d\d-\d\d \d\d:\d\d /, ' '));
}
