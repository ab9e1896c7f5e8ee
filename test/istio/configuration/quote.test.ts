import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { compareUtf8, formatEnv, shellQuote } from '../../../src/istio/configuration/go/quote.ts';
import { sourceAll } from './bash.ts';

describe('a quoted value', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'smm-quote-'));
  });
  after(() => rm(folder, { recursive: true }));

  const table: [value: string, quoted: string][] = [
    ['', "''"],
    ['www', 'www'],
    ['w@%+=:,./-w', 'w@%+=:,./-w'],
    ['latest', "'latest'"],
    ['80', "'80'"],
    ["it's", `'it'"'"'s'`],
    // istioctl leaves it bare.
    ['w\\w', "'w\\w'"],
    ['a\nb', "'a\nb'"],
  ];
  for (const [value, quoted] of table) {
    it(`${JSON.stringify(value)} is ${JSON.stringify(quoted)}`, () => assert.equal(shellQuote(value), quoted));
  }

  it('is what bash holds afterwards, for any value', async () => {
    const shell = fc.constantFrom(...'\'"\\$`;&|<>(){}*?![]~#=: \t\n\r\u0001\u007f\u0085\u2028wé世😀');
    const value = fc.oneof(fc.string({ unit: shell }), fc.string({ unit: 'binary' }), fc.string());
    // A variable cannot hold NUL: bash drops it. \u0001 separates the answers here.
    const values = fc
      .sample(value, 3000)
      .map((text) => text.toWellFormed().replaceAll('\0', 'w').replaceAll('\u0001', 'w'));
    const env = formatEnv(new Map(values.map((text, index) => [`V${index}`, text])));
    await writeFile(join(folder, 'all.env'), env);
    const [held] = await sourceAll(folder, [{ name: 'all.env', keys: values.map((_text, index) => `V${index}`) }]);
    assert.deepEqual(held, values);
  });
});

describe('an env file', () => {
  it('is sorted by the UTF-8 bytes of whole lines', () => {
    const env = formatEnv(
      new Map([
        ['AB', 'x'],
        ['A', 'y'],
        ['A_B', ''],
        ['B', '\ue000'],
        ['C', '\u{10000}'],
      ]),
    );
    assert.equal(env, "A='y'\nAB='x'\nA_B=''\nB='\ue000'\nC='\u{10000}'\n");
    // JavaScript's own order is the other way round: U+10000 is a pair of surrogates, which come before U+E000.
    assert.ok(compareUtf8('\ue000', '\u{10000}') < 0 && '\ue000' > '\u{10000}');
  });
});
