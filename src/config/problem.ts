/**
 * What is wrong with /etc/smm/agent.yaml: each problem names its place and what to do. docs/errors.md lists the codes.
 */
import type { CodeOf } from '../base/error-codes.ts';
import { AgentError } from '../base/errors.ts';

export interface ConfigProblem {
  code: CodeOf<1>;
  /** The file that is wrong; mostly agent.yaml itself. */
  file: string;
  /** Both count from 1; null when the problem is about the file as a whole. */
  line: number | null;
  column: number | null;
  /** Dotted path of the key, for example `poll.schedule`. */
  key: string | null;
  /** For example `unknown key "holds"`. Never holds a value: it could be a secret. */
  sentence: string;
  /** For example `did you mean "hold"?`. */
  remedy: string;
}

/** `/etc/smm/agent.yaml:3:1: unknown key "holds": did you mean "hold"?`, as compilers write it. */
export function describeProblem({ file, line, column, sentence, remedy }: ConfigProblem): string {
  const place = line === null ? file : `${file}:${line}:${column}`;
  return `${place}: ${sentence}: ${remedy}`;
}

/** All problems as one error, for commands that cannot go on without a configuration. */
export function configError(problems: readonly ConfigProblem[]): AgentError {
  const [first] = problems;
  if (first === undefined) throw new Error('configError needs a problem');
  const message = ['cannot use the configuration:', ...problems.map((problem) => `  ${describeProblem(problem)}`)].join(
    '\n',
  );
  return new AgentError(first.code, message, 'correct that and try again: smm-agent show-config checks it');
}
