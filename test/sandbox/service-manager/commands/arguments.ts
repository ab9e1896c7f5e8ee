/** Command lines of systemd's programs: long and short options, with values in the next word or after `=`. */

export interface CommandLine {
  /** All values of each option, by its long name; '' for a flag. */
  options: Map<string, string[]>;
  words: string[];
}

/** Thrown for an option of the real program that is missing here, instead of doing something else. */
class UnknownOption extends Error {
  override readonly name = 'UnknownOption';
}

/**
 * `known` says for each long name whether it takes a value, `short` maps letters to long names. With `stopsAtWord`,
 * everything from the first word on belongs to another program.
 */
export function parseArguments(
  args: readonly string[],
  known: Readonly<Record<string, boolean>>,
  short: Readonly<Record<string, string>> = {},
  stopsAtWord = false,
): CommandLine {
  const options = new Map<string, string[]>();
  const words: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const argument = args[at] ?? '';
    if (argument === '--' || (stopsAtWord && !argument.startsWith('-'))) {
      words.push(...args.slice(argument === '--' ? at + 1 : at));
      break;
    }
    if (!argument.startsWith('-')) {
      words.push(argument);
      continue;
    }
    const [name, attached] = argument.startsWith('--') ? splitLong(argument) : splitShort(argument, short);
    const takesValue = known[name];
    if (takesValue === undefined) throw new UnknownOption(`unrecognized option '${argument}'`);
    const value = takesValue ? (attached ?? args[++at] ?? '') : '';
    options.set(name, [...(options.get(name) ?? []), value]);
  }
  return { options, words };
}

function splitLong(argument: string): [string, string | undefined] {
  const equals = argument.indexOf('=');
  return equals < 0 ? [argument.slice(2), undefined] : [argument.slice(2, equals), argument.slice(equals + 1)];
}

function splitShort(argument: string, short: Readonly<Record<string, string>>): [string, string | undefined] {
  return [short[argument.charAt(1)] ?? argument, argument.length > 2 ? argument.slice(2) : undefined];
}
