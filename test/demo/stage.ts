/** The world of the demo: a mesh, a machine, a screen that shows both, and checks of their state. */
import { rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { AGENT_VERSION } from '../../src/base/version.ts';
import { readProbation } from '../../src/versions/probation.ts';
import { AGENT_UNIT } from '../sandbox/agent-versions.ts';
import type { IstioPackageOptions } from '../sandbox/istio-package.ts';
import { type Member, SandboxMachine } from '../sandbox/machine.ts';
import { ENTRY, NAMESPACE, SandboxMesh } from '../sandbox/mesh.ts';
import { until } from '../support/until.ts';
import type { Screen } from './screen.ts';

/** A check of a scene has failed. */
export class NotAsTold extends Error {
  override readonly name = 'NotAsTold';
}

export interface Condition {
  type: string;
  status: string;
  message?: string;
}

export const START = '1.31.0';
/** Long enough for a turn of the agent that downloads and stages, on a busy machine. */
const PATIENCE_MS = 30_000;

export class Stage implements AsyncDisposable {
  readonly screen: Screen;
  readonly mesh: SandboxMesh;
  readonly machine: SandboxMachine;

  /** The lines of the journal that `journal` has not looked at yet. */
  #lines: string[];

  private constructor(screen: Screen, mesh: SandboxMesh, machine: SandboxMachine, lines: string[]) {
    this.screen = screen;
    this.mesh = mesh;
    this.machine = machine;
    this.#lines = lines;
  }

  static async set(screen: Screen): Promise<Stage> {
    const mesh = await SandboxMesh.make([
      { name: 'default', version: START },
      { name: 'canary', version: '1.32.0' },
    ]);
    let root = '';
    const lines: string[] = [];
    const onLine = (unit: string, line: string) => {
      const text = readable(line).replaceAll(root, '');
      lines.push(text);
      // The stand-in for pilot-agent, a shell, prints this about its Envoy. The real pilot-agent does not.
      if (text !== 'Terminated')
        screen.side(unit.replace('.service', '').replace(/^smm-agent-(start|deadline)-.*/, 'timer'), text);
    };
    try {
      const machine = await SandboxMachine.make({ mesh, istio: START, onLine });
      root = machine.root;
      await machine.installVersion(AGENT_VERSION);
      return new Stage(screen, mesh, machine, lines);
    } catch (error) {
      await mesh[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Checks a claim and prints it. The demo fails if it is not true. */
  see(claim: string, isSo: boolean): void {
    if (!isSo) throw new NotAsTold(claim);
    this.screen.seen(claim);
  }

  /** Puts a package on the download server. */
  async publish(options: IstioPackageOptions): Promise<void> {
    const bytes = await this.mesh.publish(options);
    this.screen.side('downloads', `istio-sidecar ${options.version} is there, ${Math.round(bytes / 1024)} KB`);
  }

  /** Runs a command of the operator on the machine, and prints the command and its output. */
  async operator(program: string, ...args: string[]): Promise<void> {
    this.screen.command([program, ...args].join(' '));
    const printed = await this.machine.expect(program, ...args);
    if (printed !== '') this.screen.side(program, this.short(printed));
  }

  async condition(type: string): Promise<Condition | undefined> {
    const conditions = (await this.mesh.entry()).status?.conditions as Condition[] | undefined;
    return conditions?.find((condition) => condition.type === type);
  }

  /** Waits until the WorkloadEntry says this about a pending restart. */
  async pending(status: 'True' | 'False', message: RegExp): Promise<void> {
    const isSo = (seen: Condition | undefined) => {
      // During its restart it is activating.
      const { active } = this.machine.manager.service(AGENT_UNIT);
      if (active === 'inactive' || active === 'failed') throw new NotAsTold('smm-agent runs');
      return seen?.status === status && message.test(seen.message ?? '');
    };
    await until(
      `IstioRestartPending ${status} ${message}`,
      () => this.condition('IstioRestartPending'),
      isSo,
      PATIENCE_MS,
    );
  }

  /** Waits for a restart to be pending: in the WorkloadEntry, and in the journal, which has its line a little later. */
  async restartPending(message: RegExp): Promise<void> {
    await this.pending('True', message);
    await this.journal(new RegExp(`restart pending: .*${message.source}`));
  }

  /** Waits until a line of the journal matches that is newer than the line of the last call. */
  async journal(pattern: RegExp): Promise<void> {
    const place = () => this.#lines.findIndex((line) => pattern.test(line));
    const found = await until(`the journal to say ${pattern}`, place, (index) => index >= 0, PATIENCE_MS);
    this.#lines.splice(0, found + 1);
  }

  /** Waits until the message of condition SmmAgent matches. */
  async agentSays(message: RegExp): Promise<void> {
    const isSo = (seen: Condition | undefined) => message.test(seen?.message ?? '');
    await until(`SmmAgent ${message}`, () => this.condition('SmmAgent'), isSo, PATIENCE_MS);
  }

  /** Prints the status of the WorkloadEntry, as an operator of the cluster sees it. */
  async showEntry(): Promise<void> {
    this.screen.command(`kubectl get workloadentry ${ENTRY} -n ${NAMESPACE} -o yaml`);
    const { status } = await this.mesh.entry();
    this.screen.side('WorkloadEntry', stringify({ status }, { lineWidth: 0 }));
  }

  async showEnvoy(): Promise<Member> {
    const envoy = await this.machine.envoy();
    this.screen.side('machine', `Envoy is process ${envoy.pid}, ${this.short(envoy.exe)}`);
    return envoy;
  }

  /** Waits for an Envoy that runs from a release of this version. */
  async envoyOf(version: string): Promise<Member> {
    const runs = ({ exe }: Member) => exe.includes(`/releases/${version}-`);
    return until(`Envoy of ${version}`, () => this.machine.envoy(), runs, PATIENCE_MS);
  }

  /** The packages that were downloaded since the last call, without the digest files. */
  takeDownloads(): string[] {
    const seen = this.mesh.downloads.requests.splice(0);
    return seen.map(({ path }) => path).filter((path) => path.endsWith('.deb'));
  }

  /** The content of a file of the machine. */
  read(path: string): Promise<string> {
    return readFile(join(this.machine.root, path), 'utf8');
  }

  /** The version of the agent that is on probation; null if there is none. */
  async probation(): Promise<string | null> {
    return (await readProbation(this.machine.paths))?.to ?? null;
  }

  /** Removes the root of the sandbox from paths, as on a real machine. */
  short(path: string): string {
    return path.replaceAll(this.machine.root, '');
  }

  /** Kills every process of the machine and removes the folders without waiting, for the end of this process. */
  discard(): void {
    this.machine.discard();
    rmSync(this.machine.root, { recursive: true, force: true });
    this.mesh.discard();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.machine[Symbol.asyncDispose]();
    await this.mesh[Symbol.asyncDispose]();
  }
}

/** The line without priority and time, which journald stores separately. */
function readable(line: string): string {
  return line.replace(/^<\d>(smm-agent: )?/, '').replace(/^\S+T\S+Z (\w+ +)/, '$1');
}
