/** What a command is. */
import type { CommandSpec } from '../base/cli/arguments.ts';
import type { Io } from '../base/cli/io.ts';

export interface Command {
  spec: CommandSpec;
  /** Resolves with the exit code; rejects with an AgentError that is shown to the operator. */
  run(args: readonly string[], io: Io): Promise<number>;
}

export type Commands = Readonly<Record<string, () => Promise<Command>>>;
