/**
 * The forms that the value of a key must have. `istio-iptables` puts these values into lines for `iptables-restore` as
 * they are, and Istio's start script puts them into a command line: no form allows a blank, a quote or a line end.
 */
import { isIP } from 'node:net';

/** `is` completes the sentence "it must be ...". */
export interface Grammar {
  is: string;
  accepts: (value: string) => boolean;
}

/** Safe in a shell and in YAML: neither blanks nor quotes, and a colon only within a word. */
const PLAIN_WORD = /^(?:[A-Za-z0-9_.-]|:(?=[A-Za-z0-9:]))*$/;
/** Linux allows 15 bytes; iptables takes a `+` at the end for "any". A dash in front would be an option. */
const INTERFACE = /^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,14}\+?$/;
const GROUP = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}$/;
/** As Go's strconv.ParseBool. */
const BOOLEAN = /^(?:1|t|T|TRUE|true|True|0|f|F|FALSE|false|False)$/;
/** As Go's time.ParseDuration, without signs. */
const DURATION = /^(?:0|(?:\d{1,9}(?:\.\d{1,9})?(?:ns|us|ms|s|m|h)){1,6})$/;

/** True for what may stand unquoted in a shell command and in YAML. */
export function isPlainWord(value: string): boolean {
  return PLAIN_WORD.test(value);
}

export const word: Grammar = { is: 'a plain word of letters, digits and _ . : -', accepts: isPlainWord };
export const words: Grammar = { is: 'a list of plain words', accepts: listOf(isPlainWord) };
export const boolean: Grammar = { is: '"true" or "false"', accepts: matches(BOOLEAN) };
export const integer: Grammar = { is: 'a whole number', accepts: matches(/^\d{1,9}$/) };
export const ratio: Grammar = { is: 'a number such as 0.5', accepts: matches(/^\d{0,3}(?:\.\d{1,9})?$/) };
export const duration: Grammar = { is: 'a duration such as 1m30s', accepts: matches(DURATION) };
export const port: Grammar = { is: 'a port', accepts: isPort };
export const ports: Grammar = { is: 'a list of ports', accepts: listOf(isPort) };
export const portsOrAll: Grammar = { is: 'a list of ports, or *', accepts: orAll(listOf(isPort)) };
export const ranges: Grammar = { is: 'a list of addresses with a prefix length', accepts: listOf(isRange) };
export const rangesOrAll: Grammar = { ...ranges, is: `${ranges.is}, or *`, accepts: orAll(listOf(isRange)) };
export const loopback: Grammar = {
  is: 'an IPv4 range such as 127.0.0.1/32',
  accepts: (v) => isRange(v) && !v.includes(':'),
};
export const interfaces: Grammar = { is: 'a list of network interfaces', accepts: listOf(matches(INTERFACE)) };
export const groups: Grammar = { is: 'a list of groups', accepts: listOf(matches(GROUP)) };
export const groupsOrAll: Grammar = { is: 'a list of groups, or *', accepts: orAll(listOf(matches(GROUP))) };
export const redirect: Grammar = { is: 'REDIRECT: any other mode runs Envoy as root', accepts: matches(/^REDIRECT$/) };
/** Only programs of istio-proxy read it; length, NUL and line ends are checked for every value. */
export const text: Grammar = { is: 'text', accepts: () => true };

function matches(pattern: RegExp): (value: string) => boolean {
  return (value) => pattern.test(value);
}

function listOf(accepts: (item: string) => boolean): (value: string) => boolean {
  return (value) => value === '' || value.split(',').every((item) => item !== '' && accepts(item));
}

function orAll(accepts: (value: string) => boolean): (value: string) => boolean {
  return (value) => value === '*' || accepts(value);
}

function isPort(value: string): boolean {
  return /^[1-9]\d{0,4}$/.test(value) && Number(value) <= 65_535;
}

function isRange(value: string): boolean {
  const [, address = '', prefix = ''] = /^([0-9a-fA-F.:]+)\/(\d{1,3})$/.exec(value) ?? [];
  const family = isIP(address);
  return family !== 0 && Number(prefix) <= (family === 4 ? 32 : 128);
}
