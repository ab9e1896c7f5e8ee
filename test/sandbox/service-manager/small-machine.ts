/** A root with one small unit, for the tests of the service manager. */
import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Control } from './commands/control.ts';
import { EmbeddedServiceManager } from './manager.ts';

/**
 * A hook that writes what a hook of Istio's unit sees: the jobs, the state of the system, and how the service ended.
 */
const HOOK = `#!/bin/sh
jobs=$(systemctl list-jobs --no-legend --no-pager --full | cut -d' ' -f2,3 | tr '\\n' ',')
echo "$1 jobs=$jobs system=$(systemctl is-system-running) result=\${SERVICE_RESULT:-} end=\${EXIT_CODE:-}/\${EXIT_STATUS:-}" >>"$SMM_ROOT/seen"
`;

const UNIT = `[Service]
ExecStartPre=-+/usr/local/bin/hook pre
ExecStart=/usr/local/bin/main
ExecStopPost=/usr/local/bin/hook post
Restart=always
RestartSec=10
KillMode=mixed
TimeoutStopSec=30s

[Install]
WantedBy=multi-user.target
`;

export interface Outcome {
  status: number;
  stdout: string;
  stderr: string;
}

export class SmallMachine {
  readonly root: string;
  readonly manager: EmbeddedServiceManager;
  readonly #control: Control;

  constructor(root: string) {
    this.root = root;
    this.manager = new EmbeddedServiceManager({ root, timeScale: 0.01 });
    this.#control = new Control(this.manager);
  }

  /** A booted machine with x.service, whose main program sleeps. */
  static async make(main = 'exec sleep 1000'): Promise<SmallMachine> {
    const machine = new SmallMachine(await mkdtemp(join(tmpdir(), 'smm-units-')));
    await machine.write('/lib/systemd/system/x.service', UNIT);
    await machine.program('hook', HOOK);
    await machine.program('main', `#!/bin/sh\n${main}\n`);
    machine.#control.open();
    await machine.manager.boot();
    return machine;
  }

  async write(path: string, text: string): Promise<void> {
    const file = join(this.root, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  }

  async program(name: string, text: string): Promise<void> {
    await this.write(`/usr/local/bin/${name}`, text);
    await chmod(join(this.root, 'usr/local/bin', name), 0o755);
  }

  /** Writes a drop-in of x.service. */
  setting(...lines: string[]): Promise<void> {
    return this.write('/etc/systemd/system/x.service.d/setting.conf', `[Service]\n${lines.join('\n')}\n`);
  }

  /** Runs a program of systemd by its name. Does not fail on any status. */
  run(program: 'systemctl' | 'systemd-run' | 'systemd-notify' | 'journalctl', ...args: string[]): Promise<Outcome> {
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    execFile(program, args, { env: { PATH: this.manager.path } }, (error, stdout, stderr) =>
      resolve({ status: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
    return promise;
  }

  /** A property of x.service. */
  async show(property: string): Promise<string> {
    return (await this.run('systemctl', 'show', 'x', `--property=${property}`, '--value')).stdout.trimEnd();
  }

  /** The lines that the hook has written since the last `forget`. */
  async seen(): Promise<string[]> {
    return (await readFile(join(this.root, 'seen'), 'utf8')).split('\n').filter(Boolean);
  }

  async forget(): Promise<void> {
    await rm(join(this.root, 'seen'), { force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#control.close();
    this.manager.destroy();
    // A process that was ended just now may still have written a file.
    await rm(this.root, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  }
}
