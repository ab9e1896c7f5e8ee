/**
 * A virtual machine as far as the agent can tell, below one temporary root and without privileges: Istio's official package
 * installed and running under the embedded service manager, the agent's scripts and configuration in place.
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
  /** Of the official package. */
  istio: string;
  /**
   * What delays of units and timers are multiplied with. As it is, RestartSec=10 is half a second, and the two seconds before the
   * start that a stop means are a tenth.
   */
  timeScale?: number;
  /** Lines of the journal: of Istio's unit, of transient units and of the agent. */
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
  /** Below the machine's root; the shell that a stand-in is a script of lies outside. */
  exe: string;
}

export class SandboxMachine {
  readonly paths: Paths;
  readonly manager: EmbeddedServiceManager;
  /** The agent out of the sources, as a process beside systemd. With `installVersion` it can be smm-agent.service instead. */
  readonly agent: AgentProcess;
  /** Every line of the journal so far. */
  readonly journal: string[] = [];
  readonly #control: Control;
  readonly #guard: Guard;
  /** What somebody runs at the terminal now. */
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

  /** Booted, with Istio running as the official package runs it, and the agent installed but not started. */
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

  /** What a person at the machine's terminal needs to be in the sandbox. */
  get environment(): Record<string, string> {
    return { PATH: this.manager.path, SMM_ROOT: this.root };
  }

  /**
   * Puts a version of the agent where its package puts it, and the unit: `systemctl enable --now smm-agent` starts it. Without
   * other wishes it is the real agent, and current.
   */
  async installVersion(version: string, options: VersionOptions = {}): Promise<void> {
    await installVersion(this.paths, version, options);
    this.manager.daemonReload();
  }

  /** Runs a program of the machine: `systemctl`, `smm-agent`, ... Any status is an answer; that of one ended by a signal is 128. */
  run(program: string, ...args: string[]): Promise<Outcome> {
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    const child = execFile(program, args, { env: this.environment, encoding: 'utf8' }, (error, stdout, stderr) => {
      this.#commands.delete(child);
      resolve({ status: error === null ? 0 : Number(error.code ?? 128), stdout, stderr });
    });
    this.#commands.add(child);
    return promise;
  }

  /** As `run`, and a status other than 0 is an error; returns what it printed. */
  async expect(program: string, ...args: string[]): Promise<string> {
    const { status, stdout, stderr } = await this.run(program, ...args);
    if (status === 0) return stdout;
    throw new Error(`${program} ${args.join(' ')} ended with ${status}: ${stderr || stdout}`);
  }

  /** The processes of Istio's unit that run from the machine's own files. */
  async members(): Promise<Member[]> {
    const members = this.manager
      .service('istio.service')
      .pids()
      .map(async (pid) => ({ pid, exe: await exeOf(pid) }));
    return (await Promise.all(members)).filter(({ exe }) => exe.startsWith(this.root));
  }

  /** The Envoy that serves; waits until one does. */
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

  /** The release that a link names, null without one. */
  async linked(link: 'active' | 'staged'): Promise<string | null> {
    const target = await readlink(this.paths[link]).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    });
    return target?.split('/').at(-1) ?? null;
  }

  /** `systemctl reboot`, with the agent. */
  async reboot(): Promise<void> {
    const hadAgent = this.agent.isRunning;
    if (hadAgent) await this.agent.stop();
    await this.manager.shutDown('reboot');
    await this.manager.boot();
    if (hadAgent) this.agent.start();
  }

  /** The power is cut and comes back: every process ends at once, and /run is empty. */
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
    // What was ended a moment ago may still have written a last file.
    await rm(this.root, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
    this.#guard.dismiss();
  }

  /** Ends every process at once: what can still be done when this process itself is about to end. */
  discard(): void {
    this.agent.discard();
    this.#control.close();
    this.manager.destroy();
    // A systemctl would wait for ever for its answer.
    for (const child of this.#commands) child.kill('SIGKILL');
  }
}

async function exeOf(pid: number): Promise<string> {
  try {
    return await readlink(`/proc/${pid}/exe`);
  } catch (error) {
    // Gone in between; the kernel says EACCES of one that ends at this moment.
    if (['ENOENT', 'EACCES', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return '';
    throw error;
  }
}
