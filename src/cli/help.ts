/** `smm-agent help [<command>]`. */

import { type CommandSpec, columns, helpText, parseArguments } from '../base/cli/arguments.ts';
import { EXIT } from '../base/cli/exit-codes.ts';
import type { Io } from '../base/cli/io.ts';
import { AgentError } from '../base/errors.ts';
import { nearest } from '../base/nearest.ts';
import type { Command, Commands } from './command.ts';

const spec = {
  name: 'help',
  summary: 'explain the commands',
  forms: ['[<command>]'],
  description: 'Lists the commands, or explains one of them.',
  options: {},
} satisfies CommandSpec;

/** The command that explains these commands. */
export function help(commands: Commands): Command {
  return {
    spec,
    async run(args: readonly string[], io: Io): Promise<number> {
      const { positionals } = parseArguments(spec, args, { min: 0, max: 1 });
      const [name] = positionals;
      io.stdout.write(name === undefined ? await overview(commands) : await helpOf(name, commands));
      return EXIT.ok;
    },
  };
}

async function helpOf(name: string, commands: Commands): Promise<string> {
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (load !== undefined) return helpText((await load()).spec);
  const close = nearest(name, Object.keys(commands));
  const hint = close === null ? '' : ` (did you mean ${close}?)`;
  throw new AgentError('SMM601', `cannot find the command ${name}${hint}`, 'smm-agent help lists the commands');
}

async function overview(commands: Commands): Promise<string> {
  const rows = await Promise.all(
    Object.entries(commands).map(
      async ([name, load]): Promise<[string, string]> => [name, (await load()).spec.summary],
    ),
  );
  return [
    'smm-agent keeps this virtual machine on the Istio that its namespace asks for.',
    'It never restarts the running Istio by itself.',
    '',
    'Usage: smm-agent [--root <folder>] <command>',
    '',
    'Commands:',
    ...columns(rows),
    '',
    'smm-agent help <command> explains one of them.',
    '',
    'Exit codes:',
    ...columns(EXIT_CODES),
    '',
  ].join('\n');
}

const EXIT_CODES: readonly [string, string][] = [
  [`${EXIT.ok}`, 'done; of pending: a restart is pending'],
  [`${EXIT.failed}`, 'failed, and stderr says why; of pending: no restart is pending'],
  [`${EXIT.unknown}`, 'of pending only: unknown whether a restart is pending'],
  [`${EXIT.usage}`, 'unknown command or option, wrong arguments'],
  [`${EXIT.unavailable}`, 'the control plane did not answer, or its answer names no target'],
  [`${EXIT.internal}`, 'a bug in smm-agent'],
  [`${EXIT.temporary}`, 'another process holds the lock; try again later'],
  [`${EXIT.noPermission}`, 'the command needs root'],
  [`${EXIT.misconfigured}`, '/etc/smm/agent.yaml is missing or wrong'],
];
