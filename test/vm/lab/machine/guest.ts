/** What can be done inside of a booted machine, as root, without anything of the tests being installed in it. */
import type { ProcessIdentity } from '../host/process-identity.ts';
import { describe, type Outcome, run } from '../host/run.ts';

const EXEC_MS = 60_000;
const TIMED_OUT = 124;

export interface ExecOptions {
  readonly input?: string | Buffer;
  readonly inputFile?: string;
  readonly timeoutMs?: number;
  readonly env?: Readonly<Record<string, string>>;
}

export interface GuestProcess {
  readonly pid: number;
  readonly exe: string;
  /** Together with the pid it proves that a process is still the same one. */
  readonly startTicks: string;
}

export abstract class Guest {
  abstract readonly name: string;

  /** The machine's process 1, whose namespaces are the machine. Throws when it is off. */
  protected abstract init(): ProcessIdentity;

  /** Runs a program as root in the machine; any status is an answer. Not within `timeoutMs` (60 s): an error. */
  async exec(argv: readonly string[], options: ExecOptions = {}): Promise<Outcome> {
    const timeoutMs = options.timeoutMs ?? EXEC_MS;
    const environment = {
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      HOME: '/root',
      LANG: 'C.UTF-8',
      ...options.env,
    };
    const settings = Object.entries(environment).map(([key, value]) => `${key}=${value}`);
    const enter = ['nsenter', '-t', String(this.init().pid), '-m', '-u', '-i', '-n', '-p', '-C', '--'];
    // The limit stands inside too: ending nsenter from outside would leave the program running in the machine.
    const limit = ['timeout', '-k', '1', String(timeoutMs / 1000)];
    const { input, inputFile } = options;
    const outcome = await run([...enter, 'env', '-i', ...settings, ...limit, ...argv], {
      cwd: '/',
      timeoutMs: timeoutMs + 5_000,
      ...(input === undefined ? {} : { input }),
      ...(inputFile === undefined ? {} : { inputFile }),
    });
    if (outcome.status !== TIMED_OUT) return outcome;
    throw new Error(`cannot ${argv.join(' ')} in ${this.name}: not within ${timeoutMs / 1000} s\n${describe(outcome)}`);
  }

  /** Runs a shell script (sh -eu) and returns its stdout; a failure is an error with all of the output. */
  async sh(script: string, options: ExecOptions = {}): Promise<string> {
    const outcome = await this.exec(['sh', '-euc', script], options);
    if (outcome.status === 0) return outcome.stdout;
    throw new Error(`cannot run in ${this.name}: ${script}\n${describe(outcome)}`);
  }

  /** Copies a file, with the mode that it has on the host. Folders above are made. */
  async copyIn(hostPath: string, guestPath: string, mode = '0644'): Promise<void> {
    await this.#write(guestPath, mode, { inputFile: hostPath, timeoutMs: 120_000 });
  }

  async writeFile(guestPath: string, content: string, mode = '0644'): Promise<void> {
    await this.#write(guestPath, mode, { input: content });
  }

  async readFile(guestPath: string): Promise<string> {
    return this.sh(`cat -- '${guestPath}'`);
  }

  /** The unit's lines, this boot's or all boots', without times. */
  async journal(unit: string, { allBoots = false }: { readonly allBoots?: boolean } = {}): Promise<string> {
    await this.exec(['journalctl', '--sync']);
    return this.sh(`journalctl --no-pager -o cat ${allBoots ? '' : '-b'} -u '${unit}'`);
  }

  /**
   * The processes of a unit's cgroup, with the pids that the machine itself sees. Works with cgroup v1, v2 and hybrid.
   */
  async processesOf(unit: string): Promise<GuestProcess[]> {
    const lines = await this.sh(`
      group=$(systemctl show -P ControlGroup '${unit}'); [ -n "$group" ] || exit 0
      for root in /sys/fs/cgroup/unified /sys/fs/cgroup/systemd /sys/fs/cgroup; do
        [ -r "$root$group/cgroup.procs" ] || continue
        while read -r pid; do
          exe=$(readlink "/proc/$pid/exe") || continue
          stat=$(cat "/proc/$pid/stat") || continue
          set -- \${stat##*) }; shift 19
          echo "$pid $1 $exe"
        done < "$root$group/cgroup.procs"
        exit 0
      done`);
    return lines
      .split('\n')
      .filter(Boolean)
      .map((line) => {
        const [pid = '', startTicks = '', ...exe] = line.split(' ');
        return { pid: Number(pid), startTicks, exe: exe.join(' ') };
      });
  }

  async pidsOf(unit: string): Promise<number[]> {
    return (await this.processesOf(unit)).map(({ pid }) => pid);
  }

  async #write(guestPath: string, mode: string, options: ExecOptions): Promise<void> {
    const script = 'mkdir -p -- "$(dirname -- "$1")" && cat > "$1" && chmod "$2" "$1"';
    const outcome = await this.exec(['sh', '-euc', script, 'sh', guestPath, mode], options);
    if (outcome.status !== 0) throw new Error(`cannot write ${guestPath} in ${this.name}: ${describe(outcome)}`);
  }
}
