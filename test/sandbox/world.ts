/** A mesh and one of its machines, for tests that tell a story. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from '../support/until.ts';
import { SandboxMachine } from './machine.ts';
import { SandboxMesh } from './mesh.ts';

interface Condition {
  type: string;
  status: string;
  message: string;
}

export class World {
  readonly mesh: SandboxMesh;
  readonly machine: SandboxMachine;

  constructor(mesh: SandboxMesh, machine: SandboxMachine) {
    this.mesh = mesh;
    this.machine = machine;
  }

  static async make(): Promise<World> {
    const mesh = await SandboxMesh.make([
      { name: 'default', version: '1.31.0' },
      { name: 'canary', version: '1.32.0' },
    ]);
    return new World(mesh, await SandboxMachine.make({ mesh, istio: '1.31.0' }));
  }

  async status() {
    return (await this.mesh.entry()).status as {
      conditions: Condition[];
      validationMessages?: { type: { code: string } }[];
    };
  }

  async condition(type: string): Promise<Condition | undefined> {
    return (await this.status()).conditions.find((condition) => condition.type === type);
  }

  /** Waits until condition IstioRestartPending of the entry has this status and message. */
  async pending(status: 'True' | 'False' | 'Unknown', message: RegExp): Promise<void> {
    await until(
      `IstioRestartPending ${status} ${message}; journal:\n${this.machine.journal.slice(-15).join('\n')}`,
      () => this.condition('IstioRestartPending'),
      (seen) => seen?.status === status && message.test(seen.message),
    );
  }

  /** Waits for an Envoy of this version that runs from a release of the agent. */
  async envoyOf(version: string): Promise<number> {
    const runs = ({ exe }: { exe: string }) => exe.includes(`/releases/${version}-`);
    return (await until(`Envoy of ${version}`, () => this.machine.envoy(), runs)).pid;
  }

  file(path: string): Promise<string> {
    return readFile(join(this.machine.root, path), 'utf8');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.machine[Symbol.asyncDispose]();
    await this.mesh[Symbol.asyncDispose]();
  }
}
