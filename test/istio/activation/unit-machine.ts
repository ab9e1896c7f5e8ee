/** A machine below a temporary folder whose istio.service is that of Istio's package, as the activation sees it. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathsUnder } from '../../../src/base/paths.ts';
import type { ExecCommand, ServiceManager, UnitState } from '../../../src/host/systemd/service-manager.ts';
import { splitWords } from '../../../src/host/systemd/show.ts';
import { effective, type TextFile } from '../../../src/istio/activation/unit-file.ts';

export const ACTIVE = '1.31.0-aaaaaaaaaaaa';
export const TEMPLATE = readFileSync(
  new URL('../../../systemd/istio.service.d-zz-smm-agent.conf', import.meta.url),
  'utf8',
);

export class UnitMachine implements ServiceManager {
  readonly root = mkdtempSync(join(tmpdir(), 'smm-activation-'));
  readonly paths = pathsUnder(this.root);
  readonly calls: string[] = [];
  state: Partial<UnitState> = {};
  jobs: (string | null)[] = [];
  #loaded: TextFile[] = [];

  constructor() {
    const script = this.paths.istio.startScript;
    this.write(
      this.paths.istio.unitFile,
      `[Service]\nExecStart=${script}\nExecStartPre=+/usr/bin/install -d /x\nExecStopPost=${script} clean\n`,
    );
    this.write(this.paths.dropInTemplate, TEMPLATE);
    this.inRelease(
      'sidecar.env',
      `ISTIO_AGENT_FLAGS="\${ISTIO_AGENT_FLAGS:-} --meshConfig ${this.paths.releases}/${ACTIVE}/mesh"\n`,
    );
    this.inRelease('cluster.env', "ISTIO_SERVICE_CIDR='*'\n").inRelease(
      'mesh',
      'defaultConfig:\n  discoveryAddress: istiod.istio-system.svc:15012\n',
    );
    this.reload();
  }

  write(path: string, text: string): this {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    return this;
  }

  inRelease(name: string, text: string): this {
    return this.write(join(this.paths.releases, ACTIVE, name), text);
  }

  /** An operator's drop-in, read by systemd. */
  dropIn(name: string, text: string): this {
    this.write(join(dirname(this.paths.istio.dropIn), name), text);
    return this.reload();
  }

  /** Reads the files as systemd does. */
  reload(): this {
    const folder = dirname(this.paths.istio.dropIn);
    mkdirSync(folder, { recursive: true });
    const names = readdirSync(folder).sort();
    const { unitFile, keptUnitFile } = this.paths.istio;
    this.#loaded = [existsSync(keptUnitFile) ? keptUnitFile : unitFile, ...names.map((name) => join(folder, name))].map(
      (path) => ({
        path,
        text: readFileSync(path, 'utf8'),
      }),
    );
    return this;
  }

  unit(): Promise<UnitState> {
    this.calls.push('unit');
    const commands = (key: string): ExecCommand[] =>
      effective(this.#loaded, key).map(({ value }) => ({
        argv: value.replace(/^[-+!:@]*/, '').split(' '),
      }));
    const environment = effective(this.#loaded, 'Environment').flatMap(({ value }) => splitWords(value));
    return Promise.resolve({
      exists: true,
      activeState: 'active',
      subState: 'running',
      unitFileState: 'enabled',
      result: 'success',
      activeEnter: new Date('2026-11-23T11:00:00Z'),
      inactiveEnter: null,
      fragmentPath: this.#loaded[0]?.path ?? '',
      dropInPaths: this.#loaded.slice(1).map(({ path }) => path),
      environment: Object.fromEntries(
        environment.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
      ),
      environmentFiles: effective(this.#loaded, 'EnvironmentFile').map(({ value }) => value.replace(/^-/, '')),
      execStartPre: commands('ExecStartPre'),
      execStart: commands('ExecStart'),
      execStopPost: commands('ExecStopPost'),
      startLimit: null,
      pids: [],
      ...this.state,
    });
  }

  job(): Promise<string | null> {
    return Promise.resolve(this.jobs.shift() ?? null);
  }

  daemonReload(): Promise<void> {
    this.calls.push('daemon-reload');
    this.reload();
    return Promise.resolve();
  }

  start(): Promise<void> {
    return Promise.reject(new Error('nothing here starts Istio'));
  }

  restart(): Promise<void> {
    return Promise.reject(new Error('nothing here restarts Istio'));
  }

  resetFailed(): Promise<void> {
    return Promise.reject(new Error('nothing here has failed'));
  }

  requestRestart(): Promise<void> {
    return Promise.reject(new Error('nothing here restarts the agent'));
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}
