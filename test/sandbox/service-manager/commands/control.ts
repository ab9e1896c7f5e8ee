/**
 * The connection between programs of the sandbox and the manager. The stand-ins in <root>/usr/bin are shell scripts, as
 * fast as the real programs. They write one line into a pipe and wait for the answer in a pipe of their own.
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  constants,
  cpSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { EmbeddedServiceManager } from '../manager.ts';
import { journalctl } from './journalctl.ts';
import { failure, type Reply } from './reply.ts';
import { systemctl } from './systemctl.ts';
import { systemdNotify } from './systemd-notify.ts';
import { systemdRun } from './systemd-run.ts';

/** Separates the words of a request. No argument of a program in this project contains it. */
const SEPARATOR = '\u001f';

/** Other names of the programs. */
const ALSO_CALLED: Record<string, readonly string[]> = {
  systemctl: ['systemd-run', 'systemd-notify', 'journalctl'],
  iptables: ['', '-legacy', '-nft'].flatMap((kind) =>
    ['', '-save', '-restore'].flatMap((end) => [`iptables${kind}${end}`, `ip6tables${kind}${end}`]),
  ),
};

export class Control {
  readonly #manager: EmbeddedServiceManager;
  readonly #folder: string;
  #pipe: Socket | null = null;

  constructor(manager: EmbeddedServiceManager) {
    this.#manager = manager;
    this.#folder = join(manager.root, 'sandbox');
  }

  /** Installs the programs and listens. */
  open(): void {
    const bin = join(this.#manager.root, 'usr/bin');
    mkdirSync(join(this.#folder, 'replies'), { recursive: true });
    const stubs = join(import.meta.dirname, 'stubs');
    cpSync(stubs, bin, { recursive: true });
    for (const name of readdirSync(stubs)) {
      chmodSync(join(bin, name), 0o755);
      for (const other of ALSO_CALLED[name] ?? []) if (other !== name) symlinkSync(name, join(bin, other));
    }
    const requests = join(this.#folder, 'requests');
    execFileSync('mkfifo', ['-m', '600', requests]);
    // Open for writing too. Otherwise the pipe would end when the first program closes it.
    const pipe = new Socket({
      fd: openSync(requests, constants.O_RDWR | constants.O_NONBLOCK),
      readable: true,
      writable: false,
    });
    this.#pipe = pipe;
    createInterface({ input: pipe }).on('line', (line) => void this.#serve(line));
    writeFileSync(join(this.#folder, 'manager.pid'), `${process.pid}\n`);
  }

  close(): void {
    this.#pipe?.destroy();
    this.#pipe = null;
    rmSync(join(this.#folder, 'manager.pid'), { force: true });
  }

  async #serve(line: string): Promise<void> {
    const [caller = '', program, ...args] = line.split(SEPARATOR);
    this.#reply(caller, await this.#answer(Number(caller), program, args));
  }

  async #answer(caller: number, program: string | undefined, args: string[]): Promise<Reply> {
    try {
      if (this.#manager.systemState === 'off')
        return failure('System has not been booted with systemd as init system.');
      if (program === 'systemctl') return await systemctl(this.#manager, args);
      if (program === 'systemd-run') return systemdRun(this.#manager, args);
      if (program === 'systemd-notify') return systemdNotify(this.#manager, caller, args);
      if (program === 'journalctl') return journalctl(this.#manager.journal, args);
      return failure(`cannot stand in for ${program}`);
    } catch (error) {
      return failure(`${program}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  #reply(caller: string, { status, stream, text }: Reply): void {
    const place = join(this.#folder, 'replies', caller);
    try {
      writeFileSync(`${place}.text`, text);
      const pipe = openSync(place, constants.O_WRONLY | constants.O_NONBLOCK);
      writeSync(pipe, `${status} ${stream === 'stdout' ? 1 : 2}\n`);
      closeSync(pipe);
    } catch (error) {
      // ENXIO, ENOENT, EPIPE: the caller has ended while it waited, so the answer is not needed.
      if (!['ENXIO', 'ENOENT', 'EPIPE'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
      rmSync(`${place}.text`, { force: true });
    }
  }
}
