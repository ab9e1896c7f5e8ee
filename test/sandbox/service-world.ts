/** A world whose agent is smm-agent.service. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { until } from '../support/until.ts';
import { AGENT_UNIT } from './agent-versions.ts';
import { World } from './world.ts';

/**
 * A drop-in for the tests: a short watchdog, so that it fires soon, and an ExecStopPost that writes how the service
 * ended.
 */
const SETTINGS = `[Service]
WatchdogSec=10
ExecStopPost=/bin/sh -c 'echo "ended: $SERVICE_RESULT $EXIT_CODE/$EXIT_STATUS"'
`;

export class ServiceWorld implements AsyncDisposable {
  readonly world: World;

  private constructor(world: World) {
    this.world = world;
  }

  /** Makes a world in which this version is installed, but not started. */
  static async make(version: string): Promise<ServiceWorld> {
    const world = await World.make();
    const { machine } = world;
    await machine.installVersion(version);
    const file = join(machine.root, 'etc/systemd/system', `${AGENT_UNIT}.d`, 'test.conf');
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, SETTINGS);
    await machine.expect('systemctl', 'daemon-reload');
    return new ServiceWorld(world);
  }

  async show(property: string): Promise<string> {
    return (await this.world.machine.expect('systemctl', 'show', 'smm-agent', '-P', property)).trimEnd();
  }

  /** Waits until the service has sent READY and STATUS. */
  async isReady(): Promise<void> {
    await until(
      'READY and STATUS',
      () => this.show('StatusText'),
      (text) => text === 'ready; Istio 1.31.0; no restart pending',
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.world[Symbol.asyncDispose]();
  }
}
