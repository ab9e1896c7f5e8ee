/** From the arguments of `npm run repository` to a command, and from its errors to stderr and an exit code. */
import { columns, helpText } from '../../src/base/cli/arguments.ts';
import { EXIT, exitCodeOf } from '../../src/base/cli/exit-codes.ts';
import { AgentError, describeError } from '../../src/base/errors.ts';
import { nearest } from '../../src/base/nearest.ts';
import { PublishError } from '../errors.ts';
import { type Command, type Io, PROGRAM } from './command.ts';
import { commands } from './commands.ts';

/** Resolves with the exit code, never rejects. */
export async function dispatch([name = 'help', ...args]: readonly string[], io: Io): Promise<number> {
  try {
    if (['help', '--help', '-h'].includes(name)) {
      io.stdout.write(args[0] === undefined ? await overview() : helpText((await load(args[0])).spec));
      return EXIT.ok;
    }
    const command = await load(name);
    if (args.includes('--help') || args.includes('-h')) {
      io.stdout.write(helpText(command.spec));
      return EXIT.ok;
    }
    return await command.run(args, io);
  } catch (error) {
    if (error instanceof NoSuchCommand) return tell(error, EXIT.usage, io);
    if (error instanceof PublishError) return tell(error, EXIT.failed, io);
    if (error instanceof AgentError) return tell(error, exitCodeOf(error), io);
    io.stderr.write(`repository: a bug in the publisher: ${error instanceof Error ? error.stack : String(error)}\n`);
    return EXIT.internal;
  }
}

class NoSuchCommand extends PublishError {}

async function load(name: string): Promise<Command> {
  const loader = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (loader !== undefined) return loader();
  const close = nearest(name, Object.keys(commands));
  const hint = close === null ? '' : ` (did you mean ${close}?)`;
  throw new NoSuchCommand(`cannot find the command ${name}${hint}`, `${PROGRAM} help lists the commands`);
}

function tell(error: PublishError | AgentError, status: number, { stderr }: Io): number {
  stderr.write(`repository: ${describeError(error)}\n  what to do: ${error.remedy}\n`);
  return status;
}

async function overview(): Promise<string> {
  const rows = Object.entries(commands).map(async ([name, loader]) => [name, (await loader()).spec.summary] as const);
  return [
    "The publisher of the agent's signed repository: plain files for any HTTPS server. docs/repository.md is its runbook.",
    '',
    `Usage: ${PROGRAM} <command>`,
    '',
    'Commands:',
    ...columns(await Promise.all(rows)),
    '',
    `${PROGRAM} help <command> explains one of them.`,
    '',
    'Exit codes:',
    ...columns([
      ['0', 'done'],
      ['1', 'failed, and stderr says why; for verify: something is wrong'],
      ['64', 'unknown command or option, wrong arguments'],
      ['70', 'a bug in the publisher'],
      ['75', 'another publisher is busy in this repository'],
    ]),
    '',
  ].join('\n');
}
