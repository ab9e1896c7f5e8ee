/**
 * A folder without a free inode, for one program, in a mount namespace of its own: nothing new can be written there, as on a full disk.
 * The real file system stays as it was.
 */
import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';

const execute = promisify(execFile);
const APART = ['--mount', ...(process.getuid?.() === 0 ? [] : ['--map-root-user'])];
const FILL = `
set -e
mount -t tmpfs none /mnt
cp -a "$1/." /mnt
mount -o remount,nr_inodes="$(find /mnt | wc -l)" none /mnt
mount --bind /mnt "$1"
shift
exec "$@"
`;

/** Why no such folder can be had here; false where it can. */
export const noFullDisk: string | false =
  spawnSync('unshare', [...APART, 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0
    ? false
    : 'no file system can be mounted here';

/** Runs an ES module, given as text, while there is no room in `folder`; resolves with what it printed. What it changes there is lost. */
export async function onFullDisk(folder: string, module: string): Promise<string> {
  const program = [process.execPath, '--input-type=module', '--eval', module];
  const { stdout } = await execute('unshare', [...APART, 'sh', '-c', FILL, 'sh', folder, ...program], {
    cwd: import.meta.dirname,
  });
  return stdout;
}
