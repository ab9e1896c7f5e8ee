/**
 * Whether node_modules is what package-lock.json asks for.
 * Plain JavaScript that Node 20 runs: nothing is installed yet.
 *
 * The stamp lies inside node_modules. `npm ci` empties that folder first, so the stamp is missing until it has
 * succeeded: an installation that was cut off never counts as complete.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const projectRoot = fileURLToPath(new URL('..', import.meta.url));

function wanted(root) {
  const digest = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  return `${digest} ${process.platform}-${process.arch}\n`;
}

function stampFile(root) {
  return join(root, 'node_modules', '.smm-installed');
}

export function isInstalled(root) {
  return existsSync(stampFile(root)) && readFileSync(stampFile(root), 'utf8') === wanted(root);
}

/** Called by npm itself when an installation has ended (`postinstall`), and after one without scripts by `install`. */
export function writeStamp(root) {
  // npm runs `postinstall` also when it was only asked for a lock file.
  if (!existsSync(join(root, 'node_modules'))) return;
  writeFileSync(stampFile(root), wanted(root));
}

/**
 * Installs unless that is done. Of two runs at the same time, flock(1) lets one install, and the other then finds it
 * done. Without flock(1) (macOS) the caller must avoid two runs at the same time.
 */
export function install(root) {
  if (isInstalled(root)) return;
  mkdirSync(join(root, 'build'), { recursive: true });
  const self = [process.execPath, fileURLToPath(import.meta.url), root];
  const locked = spawnSync('flock', [join(root, 'build', 'install.lock'), ...self], { stdio: 'inherit' });
  const { status } = locked.error?.code === 'ENOENT' ? spawnSync(self[0], self.slice(1), { stdio: 'inherit' }) : locked;
  if (status !== 0) throw new Error('cannot install the dependencies: put right what npm names above, and try again');
}

function installNow(root) {
  if (isInstalled(root)) return;
  console.error('installing the dependencies of package-lock.json (npm ci)');
  // npm must not run on a Node that lies in node_modules, which it is about to delete.
  const npm = process.env.npm_execpath;
  const command = npm?.endsWith('.js') ? [process.env.npm_node_execpath ?? process.execPath, npm] : ['npm'];
  // To stderr: only the command itself may write to the output of `npm run <command>`.
  const result = spawnSync(command[0], [...command.slice(1), 'ci', '--no-audit', '--no-fund'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (result.error) throw new Error(`cannot start npm: ${result.error.message}`);
  if (result.status !== 0) process.exit(result.status ?? 1);
  writeStamp(root);
}

// `node scripts/installation.mjs` is npm's postinstall; with a folder it installs there, under the lock of `install`.
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv[2] === undefined) writeStamp(projectRoot);
  else installNow(process.argv[2]);
}
