/**
 * systemd of the machine whose file system begins at a root. Below another root than '/' (demo, tests), its programs
 * are searched there first, and its processes are those of that root's `proc`: the stand-in for systemd has no cgroups.
 */
import { join } from 'node:path';
import type { Paths } from '../../base/paths.ts';
import { run } from '../programs/programs.ts';
import { Systemd } from './systemd.ts';

export function systemdBelow(paths: Paths): Systemd {
  if (paths.root === '/') return new Systemd();
  return new Systemd({ proc: join(paths.root, 'proc'), run: runBelow(paths) });
}

/** `run` for systemd's programs of that machine. */
export function runBelow({ root }: Paths): typeof run {
  if (root === '/') return run;
  const PATH = `${join(root, 'usr/bin')}:/usr/sbin:/usr/bin:/sbin:/bin`;
  return (argv, options = {}) => run(argv, { ...options, env: { ...options.env, PATH } });
}
