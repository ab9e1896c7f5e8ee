/**
 * `smm-agent reload`: has the daemon read its configuration again, and fails when the file is refused.
 * smm-agent.service runs this command.
 */

import { type CommandSpec, parseArguments } from '../base/cli/arguments.ts';
import { EXIT } from '../base/cli/exit-codes.ts';
import { type Io, requireRoot } from '../base/cli/io.ts';
import { AgentError } from '../base/errors.ts';
import { loadConfig } from '../config/load.ts';
import { configError } from '../config/problem.ts';
import { ask } from '../daemon/socket/client.ts';

export const spec = {
  name: 'reload',
  summary: 'have the daemon read its configuration again (systemctl reload smm-agent does this)',
  forms: [''],
  description: `Returns when the daemon has read the file, and before the turn that follows. If a turn lasts longer than 25 s, the
command returns earlier and says so. A file with errors is refused, and each wrong line is named. The daemon then goes
on with the configuration that it had, and smm-agent status says so.`,
  options: {},
  exitCodes: { [EXIT.misconfigured]: 'the file has errors; the daemon goes on with the configuration that it had' },
} as const satisfies CommandSpec;

/** Reading the file takes no time, but the daemon first ends a turn that is under way. */
const PATIENCE_MS = 25_000;

export async function run(args: readonly string[], io: Io): Promise<number> {
  parseArguments(spec, args, { min: 0, max: 0 });
  requireRoot(io, spec.name);
  const late = AbortSignal.timeout(PATIENCE_MS);
  let answer: Awaited<ReturnType<typeof ask>>;
  try {
    answer = await ask(io.paths.socket, { do: 'reload' }, () => {}, late);
  } catch (error) {
    if (!late.aborted || !(error instanceof AgentError)) throw error;
    // The daemon got the request and reads the file after its turn. Whether the file has errors is checked below.
    answer = { ok: true, text: 'a turn is under way: the agent reads the configuration after it' };
  }
  if (answer === null) {
    throw new AgentError('SMM506', 'cannot reload: the agent is not running', 'run systemctl start smm-agent');
  }
  const loaded = await loadConfig(io.paths);
  // Every problem with its line.
  if (loaded.state === 'misconfigured') throw configError(loaded.problems);
  if (!answer.ok) throw new AgentError('SMM615', `cannot reload: ${answer.text}`, 'smm-agent status shows the details');
  io.stdout.write(`${answer.text}\n`);
  return EXIT.ok;
}
