/** The arguments of a command, checked against its own description, from which its help text is made as well. */
import { parseArgs } from 'node:util';
import { AgentError } from '../errors.ts';
import { nearest } from '../nearest.ts';

export interface OptionSpec {
  type: 'boolean' | 'string';
  short?: string;
  /** Name of the value in the help text, for example `<file>`. */
  value?: string;
  /** May be given more than once; its value is then a list. */
  multiple?: true;
  help: string;
}

export interface CommandSpec {
  /** The program that is typed before the name; default: smm-agent. */
  program?: string;
  name: string;
  /** One line for the list of commands. */
  summary: string;
  /** What may follow the name, one line for each form, for example `workload-group <namespace> <name>`. */
  forms: readonly string[];
  /** Paragraphs below the forms. */
  description: string;
  options: Readonly<Record<string, OptionSpec>>;
  /** Exit codes that mean something of their own here. */
  exitCodes?: Readonly<Record<number, string>>;
}

type Values<S extends CommandSpec> = {
  [K in keyof S['options']]?: S['options'][K]['type'] extends 'boolean'
    ? boolean
    : S['options'][K] extends { multiple: true }
      ? string[]
      : string;
};

/** SMM601, with the command's forms as the remedy. */
export function usageError(spec: CommandSpec, sentence: string): AgentError {
  const program = programOf(spec);
  const forms = spec.forms.map((form) => `${program} ${spec.name} ${form}`.trimEnd());
  const help = `${program} help ${spec.name}`;
  const remedy = forms.length > 2 ? `${help} shows what may follow` : `write ${forms.join(', or ')}; ${help} says more`;
  return new AgentError('SMM601', sentence, remedy);
}

/**
 * Options by their long names, and the other arguments, of which there must be at least and at most so many. Rejects
 * with SMM601 for an unknown option (with the nearest one), a missing or unwanted value, too few or too many arguments.
 */
export function parseArguments<const S extends CommandSpec>(
  spec: S,
  args: readonly string[],
  count: { min: number; max: number },
): { values: Values<S>; positionals: string[] } {
  const options = Object.fromEntries(
    Object.entries<OptionSpec>(spec.options).map(([name, { type, short, multiple = false }]) => [
      name,
      { type, multiple, ...(short ? { short } : {}) },
    ]),
  );
  const { values, positionals, tokens } = parseArgs({
    args: [...args],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    const option = spec.options[token.name];
    if (option === undefined) {
      const close = nearest(token.name, Object.keys(spec.options));
      const hint = close === null ? '' : ` (did you mean --${close}?)`;
      throw usageError(spec, `cannot understand the option ${token.rawName}${hint}`);
    }
    if (option.type === 'string' && token.value === undefined) {
      throw usageError(spec, `cannot use ${token.rawName} without its value ${option.value ?? ''}`.trimEnd());
    }
    if (option.type === 'boolean' && token.value !== undefined)
      throw usageError(spec, `cannot give ${token.rawName} a value`);
  }
  if (positionals.length < count.min) throw usageError(spec, `cannot run ${spec.name}: an argument is missing`);
  if (positionals.length > count.max) {
    throw usageError(spec, `cannot run ${spec.name}: "${positionals[count.max]}" is one argument too many`);
  }
  // Checked above against the specification, which parseArgs' own types do not know.
  return { values: values as Values<S>, positionals };
}

/** What `smm-agent help <command>` prints. */
export function helpText(spec: CommandSpec): string {
  const forms = spec.forms.map((form, index) =>
    `${index === 0 ? 'Usage:' : '      '} ${programOf(spec)} ${spec.name} ${form}`.trimEnd(),
  );
  const options = Object.entries(spec.options).map(([name, { short, value, help }]): [string, string] => {
    return [`${short ? `-${short}, ` : ''}--${name}${value ? ` ${value}` : ''}`, help];
  });
  const codes = Object.entries(spec.exitCodes ?? {});
  return [
    ...forms,
    '',
    spec.description,
    ...(options.length > 0 ? ['', 'Options:', ...columns(options)] : []),
    ...(codes.length > 0 ? ['', 'Exit codes:', ...columns(codes)] : []),
    '',
  ].join('\n');
}

function programOf({ program = 'smm-agent' }: CommandSpec): string {
  return program;
}

/** Two columns, indented. */
export function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}
