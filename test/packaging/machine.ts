/**
 * A machine without systemd in a folder: the files of a package are unpacked into it, and its maintainer scripts run
 * with DPKG_ROOT, as dpkg does it for another root. Its node is a small script, so that copies are fast.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildDeb } from '../../packaging/deb.ts';
import { projectRoot } from '../../scripts/project.ts';

export interface Ended {
  status: number | null;
  stdout: string;
  stderr: string;
}

export class FolderMachine implements Disposable {
  readonly work = mkdtempSync(join(tmpdir(), 'smm-deb-'));
  readonly root = join(this.work, 'root');

  /** A package of this version, whose program is `code` and whose runtime is a script that prints its arguments. */
  async build(version: string, code = `version ${version}\n`, trustedRoot?: string): Promise<string> {
    const runtime = join(this.work, `runtime-${version}`);
    mkdirSync(join(runtime, 'bin'), { recursive: true });
    writeFileSync(join(runtime, 'bin/node'), '#!/bin/sh\necho "$@"\n');
    chmodSync(join(runtime, 'bin/node'), 0o755);
    writeFileSync(join(runtime, 'LICENSE'), 'licence\n');
    const node = { runtime, runtimeVersion: '24.0.0' };
    const contents = { projectRoot, version, code, copyright: 'copyright\n', ...node, trustedRoot };
    return buildDeb({
      architecture: 'amd64',
      contents,
      output: join(this.work, 'out'),
      compression: 'none',
      sourceDateEpoch: 1,
    });
  }

  /** Unpacks the files, as dpkg does it before it runs postinst. */
  unpack(deb: string): void {
    rmSync(join(this.root, 'usr/lib/smm-agent'), { recursive: true, force: true });
    must('dpkg-deb', ['-x', deb, this.root]);
  }

  /** Runs a maintainer script. It does not change the group and systemd, which belong to the real machine. */
  script(name: 'postinst' | 'prerm' | 'postrm', ...args: string[]): Ended {
    const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', DPKG_ROOT: this.root };
    return spawnSync(join(projectRoot, 'packaging/deb', name), args, { env, encoding: 'utf8' });
  }

  /** Installs or upgrades the package. Fails with the messages of the scripts. */
  async install(version: string, before = ''): Promise<Ended> {
    this.unpack(await this.build(version));
    const ended = this.script('postinst', 'configure', before);
    if (ended.status !== 0) throw new Error(ended.stderr);
    return ended;
  }

  opt(...path: string[]): string {
    return join(this.root, 'opt/smm-agent', ...path);
  }

  [Symbol.dispose](): void {
    rmSync(this.work, { recursive: true, force: true });
  }
}

export function must(program: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  if (error !== undefined || status !== 0) throw new Error(`${program} ${args.join(' ')}: ${error?.message ?? stderr}`);
  return stdout;
}
