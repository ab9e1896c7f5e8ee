/**
 * What a plain scalar means to Go's yaml v2, with which Istio reads all YAML: YAML 1.1's booleans, Go's integers
 * (a leading 0 is octal, but `08` is 8), no base 60, dates stay text.
 */

/**
 * Integers are bigints, so that an int64 keeps all its digits;
 * numbers are floats. Maps, not objects: `__proto__` may be a key.
 */
export type Value = null | boolean | string | bigint | number | Value[] | Map<string, Value>;
type Scalar = null | boolean | string | bigint | number;

const WORDS: ReadonlyMap<string, Scalar> = new Map<string, Scalar>([
  ...spelt(true, 'y', 'yes', 'true', 'on'),
  ...spelt(false, 'n', 'no', 'false', 'off'),
  ...spelt(null, 'null'),
  ['', null],
  ['~', null],
  ...[...spelt(Number.NaN, '.nan'), ['.NaN', Number.NaN] as const],
  ...['', '+'].flatMap((sign) => infinities(sign, Number.POSITIVE_INFINITY)),
  ...infinities('-', Number.NEGATIVE_INFINITY),
]);

const INTEGER = /^([+-]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]([0-7]+)|0([0-7]+)|(0|[1-9][0-9]*))$/;
/** The sign that Go reads after the prefix too. */
const INNER_SIGN = /^0b([+-])([01]+)$/;
const FLOAT = /^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$/;
const DOT_FLOAT = /^\.[0-9]+(?:_[0-9]+)*(?:[eE][-+]?[0-9]+(?:_[0-9]+)*)?$/;
const DATE = /^\d{4}-\d{1,2}-\d{1,2}(?:$|[Tt ])/;
const MIN_INT64 = -(2n ** 63n);
const MAX_INT64 = 2n ** 63n - 1n;
const MAX_UINT64 = 2n ** 64n - 1n;

const TAG = 'tag:yaml.org,2002:';

/**
 * The value of a plain scalar, or of any scalar with an explicit `tag` (its long form). Throws an Error, whose message
 * completes "cannot read it: ", when the text does not fit the tag.
 */
export function resolveScalar(text: string, tag = ''): Scalar {
  switch (tag) {
    case '':
      return resolvePlain(text);
    case `${TAG}binary`:
      return binary(text);
    case `${TAG}timestamp`:
      return checked(text, DATE.test(text), 'timestamp');
    case `${TAG}null`:
      return checked(null, resolvePlain(text) === null, 'null');
  }
  const value = resolvePlain(text);
  switch (tag) {
    case `${TAG}bool`:
      return checked(value, typeof value === 'boolean', 'bool');
    case `${TAG}int`:
      return checked(value, typeof value === 'bigint', 'int');
    case `${TAG}float`: {
      const number = typeof value === 'bigint' && value <= MAX_INT64 ? Number(value) : value;
      return checked(number, typeof number === 'number', 'float');
    }
    default:
      // !!str, and every tag that Go's yaml does not know, keep the text.
      return text;
  }
}

/** The JSON name that a map's key gets. Null when Go has no name for it: null, and integers beyond int64. */
export function keyText(key: Scalar): string | null {
  if (typeof key === 'string') return key;
  if (typeof key === 'boolean') return String(key);
  if (typeof key === 'bigint') return key <= MAX_INT64 ? String(key) : null;
  if (typeof key === 'number') return floatKey(key);
  return null;
}

function resolvePlain(text: string): Scalar {
  const word = WORDS.get(text);
  if (word !== undefined) return word;
  if (text.startsWith('.')) return (DOT_FLOAT.test(text) ? finite(text.replaceAll('_', '')) : null) ?? text;
  if (!/^[-+0-9]/.test(text)) return text;
  const digits = text.replaceAll('_', '');
  return integer(digits) ?? (FLOAT.test(digits) ? finite(digits) : null) ?? text;
}

function integer(text: string): bigint | null {
  const match = INTEGER.exec(text.replace(INNER_SIGN, '$10b$2'));
  if (match === null) return null;
  const [, sign = '', hex, binaryDigits, octal, oldOctal, decimal] = match;
  const size =
    hex !== undefined
      ? BigInt(`0x${hex}`)
      : binaryDigits !== undefined
        ? BigInt(`0b${binaryDigits}`)
        : decimal !== undefined
          ? BigInt(decimal)
          : BigInt(`0o${octal ?? oldOctal}`);
  const value = sign === '-' ? -size : size;
  // Beyond int64 Go tries an unsigned integer, which takes no sign; then a float.
  const isInRange = value >= MIN_INT64 && value <= (sign === '' ? MAX_UINT64 : MAX_INT64);
  return isInRange ? value : null;
}

/** Null beyond the range of a double: Go leaves that as text. */
function finite(text: string): number | null {
  const value = Number(text);
  return Number.isFinite(value) ? value : null;
}

function binary(text: string): string {
  const base64 = text.replaceAll(/[\r\n]/g, '');
  const isBase64 = base64.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(base64);
  return checked(Buffer.from(base64, 'base64').toString('utf8'), isBase64, 'binary');
}

function checked<T>(value: T, holds: boolean, tag: string): T {
  if (!holds) throw new Error(`it is not a !!${tag}`);
  return value;
}

function spelt<T extends Scalar>(value: T, ...words: string[]): (readonly [string, T])[] {
  return words.flatMap((word) => [
    [word, value] as const,
    [word.charAt(0).toUpperCase() + word.slice(1), value] as const,
    [word.toUpperCase(), value] as const,
  ]);
}

function infinities(sign: string, value: number): (readonly [string, number])[] {
  return ['.inf', '.Inf', '.INF'].map((word) => [`${sign}${word}`, value] as const);
}

/**
 * A float as a key is written as Go's `FormatFloat(key, 'g', -1, 32)` does: the shortest float32, `%e` from 1e+06 on.
 */
function floatKey(key: number): string {
  const single = Math.fround(key);
  if (Number.isNaN(single)) return '.nan';
  if (!Number.isFinite(single)) return single > 0 ? '.inf' : '-.inf';
  if (single === 0) return Object.is(single, -0) ? '-0' : '0';
  let digits = 1;
  while (Math.fround(Number(single.toExponential(digits - 1))) !== single) digits += 1;
  const scientific = single.toExponential(digits - 1);
  const [mantissa = '', exponent = '0'] = scientific.split('e');
  const power = Number(exponent);
  if (power >= -4 && power < 6) return String(Number(scientific));
  return `${mantissa}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
}
