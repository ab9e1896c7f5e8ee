/** Durations as Go's `time.ParseDuration` reads them and protobuf's JSON writes them. */

const UNITS: ReadonlyMap<string, bigint> = new Map([
  ['ns', 1n],
  ['us', 1_000n],
  ['\u00b5s', 1_000n],
  ['\u03bcs', 1_000n],
  ['ms', 1_000_000n],
  ['s', 1_000_000_000n],
  ['m', 60_000_000_000n],
  ['h', 3_600_000_000_000n],
]);
const TERM = /^(\d*)(?:\.(\d*))?([^\d.]+)/;
const LIMIT = 2n ** 63n;

/** Nanoseconds of a text such as `1h30m`, `.5s`, `-5s` or `0`; null when Go would refuse it. */
export function parseDuration(text: string): bigint | null {
  const isNegative = text.startsWith('-');
  let rest = /^[-+]/.test(text) ? text.slice(1) : text;
  if (rest === '0') return 0n;
  if (rest === '') return null;
  let total = 0n;
  while (rest !== '') {
    const match = TERM.exec(rest);
    const [term = '', whole = '', fraction = '', unitName = ''] = match ?? [];
    const unit = UNITS.get(unitName);
    if (unit === undefined || (whole === '' && fraction === '')) return null;
    total += BigInt(whole || '0') * unit + fractionOf(fraction, unit);
    if (total > LIMIT) return null;
    rest = rest.slice(term.length);
  }
  if (isNegative) return -total;
  return total < LIMIT ? total : null;
}

/** Seconds with 0, 3, 6 or 9 decimals, for example `60s` and `0.500s`. */
export function formatDuration(nanoseconds: bigint): string {
  const size = nanoseconds < 0n ? -nanoseconds : nanoseconds;
  const decimals = String(size % 1_000_000_000n)
    .padStart(9, '0')
    .replace(/(?:000){1,3}$/, '');
  return `${nanoseconds < 0n ? '-' : ''}${size / 1_000_000_000n}${decimals === '' ? '' : `.${decimals}`}s`;
}

/** In doubles, as Go does it; digits that an int64 cannot hold are ignored. */
function fractionOf(digits: string, unit: bigint): bigint {
  let value = 0n;
  let scale = 1;
  for (const digit of digits) {
    if (value > (LIMIT - 1n) / 10n) break;
    value = value * 10n + BigInt(digit);
    scale *= 10;
  }
  return BigInt(Math.trunc(Number(value) * (Number(unit) / scale)));
}
