/** A machine for the scripts of smm-agent.service. Its versions of the agent are a few lines of shell. */
import { rmSync, symlinkSync, utimesSync } from 'node:fs';
import { basename } from 'node:path';
import { writeManifest } from '../../packaging/release-folders.ts';
import { type Ended, ScriptMachine } from './script-machine.ts';

export const OLD = '0.2.0';
export const NEW = '0.3.0';
const STATE = 'var/lib/smm-agent/agent';
export const PAYLOAD = 'usr/lib/smm-agent/payload/versions/0.1.0';
/** Seconds since the boot in /proc/uptime of a new ScriptMachine. */
export const NOW = 1000;

export interface Probation {
  id?: string;
  from?: string;
  to?: string;
  previous?: string;
  boot?: string;
  deadline?: number;
  power_cuts?: number;
  ended?: 'yes' | 'no';
  extended?: number;
}

export class AgentMachine extends ScriptMachine {
  constructor() {
    super();
    this.program('journalctl', '[ "$1" = --sync ] || cat "$answers/journal"');
    this.answer('journal', 'the last words\n');
  }

  /** NEW is current and on probation, but not started yet; OLD is the version before. */
  static onProbation(probation: Probation = {}): AgentMachine {
    const machine = new AgentMachine().version(OLD).version(NEW).link('current', NEW).link('previous', OLD);
    return machine.probation(probation);
  }

  /** Like `onProbation`, and NEW has been started. */
  static onTrial(probation: Probation = {}): AgentMachine {
    const machine = AgentMachine.onProbation(probation);
    machine.guard('start');
    return machine.forgetCalls();
  }

  /**
   * A complete version. Its `self-check` ends with the statuses in the file `answers/<version>`, one after the other.
   */
  version(version: string, { installedAt = 1_700_000_000 } = {}): this {
    const folder = `opt/smm-agent/versions/${version}`;
    const answers = this.at(`answers/${version}`);
    // The arguments of the real node: flags, program, command.
    const node = `#!/bin/sh
echo "node of ${version}: $*" >>'${this.at('calls')}'
read -r status <'${answers}' || status=0
sed -i 1d '${answers}'
exit "$status"
`;
    this.file(`${folder}/smm-agent.js`, `program ${version}\n`).file(`${folder}/node/bin/node`, node, 0o755);
    this.file(`${folder}/flags`, '--flag-of-its-own\n').answer(version, '');
    writeManifest(this.at(folder), { version }, ['smm-agent.js', 'flags']);
    writeManifest(this.at(`${folder}/node`), { runtime: version }, ['bin/node']);
    utimesSync(this.at(`${folder}/release.json`), installedAt, installedAt);
    return this;
  }

  /** The version in the package, where dpkg has put it. */
  payload(): this {
    return this.file(`${PAYLOAD}/smm-agent.js`, 'program\n').file(`${PAYLOAD}/node/bin/node`, '#!/bin/sh\n', 0o755);
  }

  /** Sets a link of the agent, or of Istio. */
  override link(name: 'active' | 'staged' | 'current' | 'previous', target: string): this {
    if (name === 'active' || name === 'staged') return super.link(name, target);
    const path = this.at(`opt/smm-agent/${name}`);
    rmSync(path, { force: true });
    symlinkSync(`versions/${target}`, path);
    return this;
  }

  named(name: 'current' | 'previous'): string | null {
    const target = this.linkTarget(`opt/smm-agent/${name}`);
    return target === null ? null : basename(target);
  }

  probation(given: Probation = {}): this {
    const { id = 'abcd0123', from = OLD, to = NEW, previous = '', boot = 'boot-1', deadline = NOW + 50 } = given;
    const { power_cuts = 0, ended = 'no', extended = 0 } = given;
    const begun = '2026-11-24T12:00:00.000Z';
    const fields = { id, from, to, previous, begun, boot, deadline, span: 50, power_cuts, ended, extended };
    const lines = Object.entries(fields).map(([key, value]) => `${key}=${value}\n`);
    return this.file(`${STATE}/probation`, lines.join(''));
  }

  /** A field of a file in the state of the agent; null if the file is missing. */
  noted(file: string, key: string): string | null {
    const text = this.read(file.startsWith('run/') ? file : `${STATE}/${file}`);
    return text === null ? null : (new RegExp(`^${key}=(.*)$`, 'm').exec(text)?.[1] ?? '');
  }

  /** Rejects a version, as after a failed probation. */
  rejected(version: string): this {
    return this.file(`${STATE}/rejected/${version}`, 'reason=it ended by itself\ncount=1\nat=1700000000\n');
  }

  evidence(version: string): string | null {
    return this.read(`${STATE}/evidence/${version}`);
  }

  isOnProbation(): boolean {
    return this.read(`${STATE}/probation`) !== null;
  }

  /** Sets the seconds since the boot. */
  clock(seconds: number): this {
    return this.file('proc/uptime', `${seconds}.00 1.00\n`);
  }

  guard(
    what: 'start' | 'ended',
    { invocation = 'i-1', ...ended }: { invocation?: string; result?: string; code?: string; status?: string } = {},
  ): Ended {
    const { result = 'exit-code', code = 'exited', status = '1' } = ended;
    const told = { SERVICE_RESULT: result, ...(code === '' ? {} : { EXIT_CODE: code, EXIT_STATUS: status }) };
    return this.run('agent-guard', [what], { INVOCATION_ID: invocation, ...(what === 'ended' ? told : {}) });
  }

  /** Runs agent-deadline. `killAt`: a kill point of the scripts. */
  deadline(at = NOW + 50, { id = 'abcd0123', killAt = '' } = {}): Ended {
    return this.run('agent-deadline', [id, String(at)], { SMM_TEST_KILL_AT: killAt });
  }

  /** Writes the record that a version on probation makes after a turn in which it could not confirm itself. */
  turn(lacks: string, invocation = 'i-1'): this {
    return this.file('run/smm-agent/agent-turn', `invocation=${invocation}\nlacks=${lacks}\n`);
  }

  timers(): string[] {
    return this.calls().filter((call) => call.startsWith('systemd-run '));
  }

  reloads(): string[] {
    return this.calls().filter((call) => call.startsWith('systemctl reload'));
  }

  restarts(): string[] {
    return this.calls().filter((call) => call.startsWith('systemctl restart'));
  }
}
