/**
 * A virtual machine, as far as the agent can see, below a temporary root and without privileges: the official package
 * of Istio is installed and runs under the embedded service manager, and the scripts and the configuration of the agent
 * are installed.
 */
import { type ChildProcess, execFile } from 'node:child_process';
import { mkdtemp, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Paths, pathsUnder } from '../../src/base/paths.ts';
import { until } from '../support/until.ts';
import { installAgent } from './agent-install.ts';
import { AgentProcess } from './agent-process.ts';
import { installVersion, type VersionOptions } from './agent-versions.ts';
import { Guard, markOf } from './guard.ts';
import { installIstio, istioEnvironment } from './istio-install.ts';
import type { SandboxMesh } from './mesh.ts';
import { Control } from './service-manager/commands/control.ts';
import { EmbeddedServiceManager } from './service-manager/manager.ts';

export interface MachineOptions {
  mesh: SandboxMesh;
  /** The version of the official package. */
  istio: string;
  /**
   * The factor for delays of units and timers. By default, RestartSec=10 takes half a second, and the two seconds
   * before the start after `systemctl stop istio` take a tenth of a second.
   */
  timeScale?: number;
  /** Called with each line of the journal: of Istio's unit, of transient units and of the agent. */
  onLine?: (unit: string, line: string) => void;
}

export interface Outcome {
  status: number;
  stdout: string;
  stderr: string;
}

/** A process of Istio's unit. */
export interface Member {
  pid: number;
  /** A file below the root of the machine. The shell that runs a stand-in is outside of it. */
  exe: string;
}

export class SandboxMachine {
  readonly paths: Paths;
  readonly manager: EmbeddedServiceManager;
  /**
   * The agent from the sources, as a process beside systemd. After `installVersion`, smm-agent.service can be used
   * instead.
   */
  readonly agent: AgentProcess;
  /** Every line of the journal so far. */
  readonly journal: string[] = [];
  readonly #control: Control;
  readonly #guard: Guard;
  /** The commands that run at the terminal now. */
  readonly #commands = new Set<ChildProcess>();

  private constructor(root: string, { mesh, timeScale = 0.05, onLine = () => {} }: MachineOptions) {
    const note = (unit: string, line: string) => {
      this.journal.push(`${unit}: ${line}`);
      onLine(unit, line);
    };
    this.paths = pathsUnder(root);
    this.manager = new EmbeddedServiceManager({
      root,
      timeScale,
      environment: { ...istioEnvironment(root), ...markOf(root) },
      onLine: note,
    });
    this.agent = new AgentProcess(root, this.manager.path, (line) => note('smm-agent.service', line));
    this.#control = new Control(this.manager);
    this.#guard = new Guard([root, mesh.folder]);
  }

  /** A booted machine that runs Istio from the official package. The agent is installed, but not started. */
  static async make(options: MachineOptions): Promise<SandboxMachine> {
    const { mesh, istio } = options;
    const machine = new SandboxMachine(await mkdtemp(join(tmpdir(), 'smm-vm-')), options);
    machine.#guard.start();
    try {
      await installIstio(machine.root, istio);
      await installAgent(machine.paths, mesh);
      machine.#control.open();
      await machine.manager.boot();
      await machine.expect('systemctl', 'enable', '--now', 'istio');
      await machine.envoy();
    } catch (error) {
      await machine[Symbol.asyncDispose]();
      throw error;
    }
    return machine;
  }

  get root(): string {
    return this.paths.root;
  }

  /** The environment of a terminal of this machine. */
  get environment(): Record<string, string> {
    return { PATH: this.manager.path, SMM_ROOT: this.root };
  }

  /**
   * Installs a version of the agent and the unit, as the package does. `systemctl enable --now smm-agent` starts it. By
   * default it is the real agent, and becomes the current version.
   */
  async installVersion(version: string, options: VersionOptions = {}): Promise<void> {
    await installVersion(this.paths, version, options);
    this.manager.daemonReload();
  }

  /**
   * Runs a program of the machine: `systemctl`, `smm-agent`, ... Does not fail on any status. The status after a signal
   * is 128.
   */
  run(program: string, ...args: string[]): Promise<Outcome> {
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    const child = execFile(program, args, { env: this.environment, encoding: 'utf8' }, (error, stdout, stderr) => {
      this.#commands.delete(child);
      resolve({ status: error === null ? 0 : Number(error.code ?? 128), stdout, stderr });
    });
    this.#commands.add(child);
    return promise;
  }

  /** Like `run`, but fails on a status other than 0. Returns the output. */
  async expect(program: string, ...args: string[]): Promise<string> {
    const { status, stdout, stderr } = await this.run(program, ...args);
    if (status === 0) return stdout;
    throw new Error(`${program} ${args.join(' ')} ended with ${status}: ${stderr || stdout}`);
  }

  /** The processes of Istio's unit that run files of this machine. */
  async members(): Promise<Member[]> {
    const members = this.manager
      .service('istio.service')
      .pids()
      .map(async (pid) => ({ pid, exe: await exeOf(pid) }));
    return (await Promise.all(members)).filter(({ exe }) => exe.startsWith(this.root));
  }

  /** Waits until an Envoy runs, and returns its process. */
  async envoy(): Promise<Member> {
    const envoy = (all: Member[]) => all.find(({ exe }) => exe.endsWith('/envoy'));
    return envoy(
      await until(
        'Envoy',
        () => this.members(),
        (all) => envoy(all) !== undefined,
      ),
    ) as Member;
  }

  /** The release that a link names; null if there is none. */
  async linked(link: 'active' | 'staged'): Promise<string | null> {
    const target = await readlink(this.paths[link]).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    });
    return target?.split('/').at(-1) ?? null;
  }

  /** Reboots the machine like `systemctl reboot`, with the agent. */
  async reboot(): Promise<void> {
    const hadAgent = this.agent.isRunning;
    if (hadAgent) await this.agent.stop();
    await this.manager.shutDown('reboot');
    await this.manager.boot();
    if (hadAgent) this.agent.start();
  }

  /** Cuts the power and boots again: every process ends at once, and /run is empty. */
  async cutPower(): Promise<void> {
    const hadAgent = this.agent.isRunning;
    await this.agent.kill();
    this.manager.destroy();
    await rm(join(this.root, 'run'), { recursive: true });
    await this.manager.boot();
    if (hadAgent) this.agent.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.agent.kill();
    this.discard();
    // A process that was ended just now may still have written a file.
    await rm(this.root, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
    this.#guard.dismiss();
  }

  /** Kills every process without waiting, for the moment when this process is about to end. */
  discard(): void {
    this.agent.discard();
    this.#control.close();
    this.manager.destroy();
    // A systemctl would wait without end for its answer.
    for (const child of this.#commands) child.kill('SIGKILL');
  }
}

async function exeOf(pid: number): Promise<string> {
  try {
    return await readlink(`/proc/${pid}/exe`);
  } catch (error) {
    // The process has ended meanwhile. For a process that ends right now, the kernel says EACCES.
    if (['ENOENT', 'EACCES', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return '';
    throw error;
  }
}
