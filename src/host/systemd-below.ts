/**
 * systemd of the machine whose file system begins at a root. Below another root than '/' (demo, tests) its programs are
 * looked for there first, and so are its processes: what stands in for systemd there has no cgroups of its own.
 */
import { join } from 'node:path';
import type { Paths } from '../paths.ts';
import { run } from './programs.ts';
import { Systemd } from './systemd.ts';

export function systemdBelow({ root }: Paths): Systemd {
  if (root === '/') return new Systemd();
  const PATH = `${join(root, 'usr/bin')}:/usr/sbin:/usr/bin:/sbin:/bin`;
  return new Systemd({
    proc: join(root, 'proc'),
    run: (argv, options = {}) => run(argv, { ...options, env: { ...options.env, PATH } }),
  });
}
