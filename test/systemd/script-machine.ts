/**
 * A machine in a temporary folder for the scripts of systemd/bin: real scripts, real files, and stand-ins for systemd.
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export const A = '1.31.0-aaaaaaaaaaaa';
export const B = '1.31.1-bbbbbbbbbbbb';
export const C = '1.30.9-cccccccccccc';

const BIN = new URL('../../systemd/bin/', import.meta.url).pathname;

/** The stand-ins answer from files in the folder `answers`, and add a line to the file `calls` for each call. */
const STAND_INS: Readonly<Record<string, string>> = {
  systemctl: `
    case "$*" in
      list-jobs*) [ ! -e "$answers/no-systemd" ] || exit 1; cat "$answers/jobs" ;;
      is-system-running) cat "$answers/system"; exit 1 ;;
      is-enabled*) cat "$answers/enabled"; exit 1 ;;
      show*--property=Id*) cat "$answers/id" 2>/dev/null || { for unit; do :; done; printf '%s\\n' "$unit"; } ;;
      show*) cat "$answers/active-state" ;;
    esac`,
  'systemd-run': ':',
  ip: 'case "$*" in "-o addr"*) cat "$answers/addresses" ;; *) cat "$answers/rules$1" 2>/dev/null ;; esac',
};

/** The programs that change names on disk. A kill anywhere between two of their calls leaves the same files behind. */
const WRITES = ['mv', 'rm'];

export interface Ended {
  status: number | null;
  stderr: string;
}

export class ScriptMachine {
  readonly root = mkdtempSync(join(tmpdir(), 'smm-scripts-'));

  constructor() {
    for (const [name, script] of Object.entries(STAND_INS)) this.program(name, script);
    this.answer('jobs', '')
      .answer('system', 'running\n')
      .answer('enabled', 'enabled\n')
      .answer('active-state', 'inactive\n');
    this.answer('addresses', '1: lo inet 127.0.0.1/8 scope host lo\n2: eth0 inet 10.77.0.2/24 scope global eth0\n');
    this.file('proc/sys/kernel/random/boot_id', 'boot-1\n').file('proc/uptime', '1000.00 1.00\n');
    this.file('etc/hosts', '127.0.0.1 localhost\n');
    mkdirSync(this.at('opt/smm-agent/istio/releases'), { recursive: true });
  }

  at(path: string): string {
    return join(this.root, path);
  }

  file(path: string, content: string, mode = 0o644): this {
    mkdirSync(dirname(this.at(path)), { recursive: true });
    writeFileSync(this.at(path), content);
    chmodSync(this.at(path), mode);
    return this;
  }

  read(path: string): string | null {
    return existsSync(this.at(path)) ? readFileSync(this.at(path), 'utf8') : null;
  }

  /** Sets what a stand-in answers. */
  answer(name: string, content: string): this {
    return this.file(`answers/${name}`, content);
  }

  /** Puts a stand-in on PATH before the real programs. `$answers` is the folder of answers. Each call is recorded. */
  program(name: string, script: string): this {
    const note = `answers='${this.at('answers')}'\nprintf '%s\\n' "${name} $*" >>'${this.at('calls')}'\n`;
    return this.file(`stand-ins/${name}`, `#!/bin/sh\n${note}${script}\n`, 0o755);
  }

  calls(): string[] {
    return (this.read('calls') ?? '').split('\n').filter(Boolean);
  }

  forgetCalls(): this {
    rmSync(this.at('calls'), { force: true });
    return this;
  }

  /** A complete release. `createdAt` is the time of its creation, in seconds since the epoch. */
  release(id: string, { hosts = '', createdAt = 1_700_000_000, confirmed = false } = {}): this {
    const folder = `opt/smm-agent/istio/releases/${id}`;
    const files: Record<string, { content: string; mode: number }> = {
      'bin/envoy': { content: `envoy of ${id}`, mode: 0o755 },
      'bin/pilot-agent': { content: `pilot-agent of ${id}`, mode: 0o755 },
      'istio-start.sh': { content: '#!/bin/bash\n', mode: 0o755 },
      'envoy_bootstrap_tmpl.json': { content: '{}', mode: 0o644 },
      'cluster.env': { content: "ISTIO_SERVICE_CIDR='*'\n", mode: 0o644 },
      'sidecar.env': { content: '', mode: 0o644 },
      mesh: { content: 'defaultConfig: {}\n', mode: 0o644 },
      hosts: { content: hosts, mode: 0o644 },
    };
    const records = Object.entries(files).map(([name, { content, mode }]) => {
      this.file(`${folder}/${name}`, content, mode);
      return [name, { sha256: '0', size: content.length, mode, uid: 0, gid: 0 }];
    });
    const manifest = { format: 1, id, origin: 'package', adopted: null, files: Object.fromEntries(records) };
    this.file(`${folder}/release.json`, `${JSON.stringify(manifest, null, 2)}\n`);
    utimesSync(this.at(`${folder}/release.json`), createdAt, createdAt);
    if (confirmed) this.file(`var/lib/smm-agent/istio/confirmed/${id}`, '');
    return this;
  }

  remove(path: string): this {
    rmSync(this.at(path));
    return this;
  }

  link(name: 'active' | 'staged', id: string): this {
    const path = this.at(`opt/smm-agent/istio/${name}`);
    rmSync(path, { force: true });
    symlinkSync(`releases/${id}`, path);
    return this;
  }

  linked(name: 'active' | 'staged'): string {
    return readlinkSync(this.at(`opt/smm-agent/istio/${name}`)).replace('releases/', '');
  }

  /** The target of a link; null if there is none. */
  linkTarget(path: string): string | null {
    const stat = lstatSync(this.at(path), { throwIfNoEntry: false });
    return stat === undefined ? null : readlinkSync(this.at(path));
  }

  run(script: string, args: readonly string[] = [], env: Readonly<Record<string, string>> = {}): Ended {
    // In a session of its own, so that a kill of the scripts does not kill the test.
    const { status, stderr } = spawnSync('/usr/bin/setsid', ['--wait', join(BIN, script), ...args], {
      encoding: 'utf8',
      env: { PATH: `${this.at('stand-ins')}:/usr/sbin:/usr/bin:/sbin:/bin`, SMM_ROOT: this.root, ...env },
    });
    return { status, stderr };
  }

  /** A start of Istio: runs its ExecStartPre. */
  start(invocation = 'i-1'): Ended {
    return this.run('istio-activate', [], { INVOCATION_ID: invocation });
  }

  /** An end of Istio: runs its first ExecStopPost. */
  stopped(invocation = 'i-1', ended: { result?: string; code?: string; status?: string } = {}): Ended {
    const { result = 'success', code = 'exited', status = '0' } = ended;
    return this.run('istio-activate', ['stopped'], {
      INVOCATION_ID: invocation,
      SERVICE_RESULT: result,
      ...(code === '' ? {} : { EXIT_CODE: code, EXIT_STATUS: status }),
    });
  }

  /** A folder with the real programs that the scripts need, without iptables. */
  realPrograms(): string {
    const folder = this.at('real-programs');
    mkdirSync(folder, { recursive: true });
    for (const name of [
      'sh',
      'awk',
      'grep',
      'sed',
      'tail',
      'head',
      'cat',
      'printf',
      'printenv',
      'readlink',
      'dirname',
      'id',
      'date',
      'timeout',
    ]) {
      symlinkSync(`/usr/bin/${name}`, join(folder, name));
    }
    return folder;
  }

  /** Counts the calls that change names on disk. */
  countWrites(): this {
    return this.killAtWrite(0);
  }

  /** Kills the script that makes the n-th such call, and its parents in the session, before the call has an effect. */
  killAtWrite(nth: number): this {
    this.forgetCalls();
    for (const program of WRITES) {
      const count = `$(grep -cE '^(${WRITES.join('|')}) ' '${this.at('calls')}')`;
      this.program(program, `[ "${count}" -ne ${nth} ] || kill -KILL 0\nexec /usr/bin/${program} "$@"`);
    }
    return this;
  }

  writes(): number {
    return this.calls().filter((call) => WRITES.some((program) => call.startsWith(`${program} `))).length;
  }

  /** The record of the last end, by key. */
  record(): Record<string, string> {
    const lines = (this.read('run/smm-agent/istio-stopped') ?? '').split('\n').filter(Boolean);
    return Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    );
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}
