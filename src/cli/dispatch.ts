/** Runs the command that argv names, and turns any error into a message on stderr and an exit code. */

import { helpText } from '../base/cli/arguments.ts';
import { EXIT, exitCodeOf } from '../base/cli/exit-codes.ts';
import type { Io } from '../base/cli/io.ts';
import { AgentError } from '../base/errors.ts';
import { nearest } from '../base/nearest.ts';
import { pathsUnder } from '../base/paths.ts';
import { commands } from './commands.ts';
import { errorText } from './error-text.ts';

/** Runs the command that `argv` (without node and script) names; resolves with the exit code, never rejects. */
export async function dispatch(argv: readonly string[], process: Omit<Io, 'paths' | 'argv'>): Promise<number> {
  try {
    const { root, rest } = globalOptions(argv, process.env);
    const io: Io = { ...process, paths: pathsUnder(root), argv: rest };
    const [name = 'help', ...args] = rest;
    const command = await load(name);
    if (asksForHelp(args)) {
      io.stdout.write(helpText(command.spec));
      return EXIT.ok;
    }
    return await command.run(args, io);
  } catch (error) {
    if (error instanceof AgentError) {
      process.stderr.write(errorText(error));
      return exitCodeOf(error);
    }
    const stack = error instanceof Error ? error.stack : String(error);
    process.stderr.write(`smm-agent: a bug in smm-agent: ${stack}\n  what to do: report the bug with this text\n`);
    return EXIT.internal;
  }
}

async function load(name: string) {
  const key = ALIASES[name] ?? name;
  const loader = Object.hasOwn(commands, key) ? commands[key] : undefined;
  if (loader !== undefined) return loader();
  const close = nearest(name, Object.keys(commands));
  const hint = close === null ? '' : ` (did you mean ${close}?)`;
  throw new AgentError('SMM601', `cannot find the command ${name}${hint}`, 'smm-agent help lists the commands');
}

const ALIASES: Record<string, string> = { '--help': 'help', '-h': 'help', '--version': 'version' };

function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return (end < 0 ? args : args.slice(0, end)).some((argument) => argument === '--help' || argument === '-h');
}

/** `--root <folder>` before the command, or SMM_ROOT: every path is then below that folder (demo, tests, images). */
function globalOptions(argv: readonly string[], env: NodeJS.ProcessEnv): { root: string; rest: readonly string[] } {
  const [first = '', second] = argv;
  if (first.startsWith('--root=')) return { root: first.slice('--root='.length), rest: argv.slice(1) };
  if (first !== '--root') return { root: env.SMM_ROOT || '/', rest: argv };
  if (second === undefined) {
    throw new AgentError('SMM601', 'cannot use --root without a folder', 'write smm-agent --root <folder> <command>');
  }
  return { root: second, rest: argv.slice(2) };
}
