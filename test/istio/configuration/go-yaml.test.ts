import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { formatDuration, parseDuration } from '../../../src/istio/configuration/go/go-duration.ts';
import { readGoYaml } from '../../../src/istio/configuration/go/go-yaml.ts';
import { formatMesh } from '../../../src/istio/configuration/mesh-file.ts';
import { asJson, readCases } from './cases.ts';

// Made with sigs.k8s.io/yaml 1.6.0 (go.yaml.in/yaml/v2 2.4.4), which Istio reads with.
describe('YAML as Go reads it', () => {
  it('has the values that Go has, and fails where Go fails', () => {
    for (const { text, json, error } of readCases<{ text: string; json: unknown; error?: string }>(
      'go-yaml-cases.jsonl',
    )) {
      if (error === undefined) assert.deepEqual(asJson(readGoYaml(text, 'it')), json, JSON.stringify(text));
      else assert.throws(() => readGoYaml(text, 'it'), { code: 'SMM302' }, JSON.stringify(text));
    }
  });

  it('keeps every digit of an int64', () => {
    assert.equal(readGoYaml('9007199254740993', 'it'), 9007199254740993n);
  });

  it('takes __proto__ for a key like any other', () => {
    const value = readGoYaml('{__proto__: {a: 1}, "constructor": 2}', 'it');
    assert.deepEqual(
      value,
      new Map<string, unknown>([
        ['__proto__', new Map([['a', 1n]])],
        ['constructor', 2n],
      ]),
    );
  });

  it('says where and why it cannot read', () => {
    const message = /^cannot read the annotation as YAML: line 2: /;
    assert.throws(() => readGoYaml('a: 1\n\tb: 2', 'the annotation'), { code: 'SMM302', message });
  });

  it('refuses a line separator outside of quotes, where Go alone sees the end of a line, and says where', () => {
    for (const text of [
      'a: 1\nb: x\u2028 y',
      'a: 1\nb: |\n  x\u2029  y\n',
      'a: 1\n# x\u2028c: 1\nb: 2',
      'a: 1\n[\u2028b]: 2',
    ]) {
      const message = /line 2: U\+202[89] outside of quotes|line 3: U\+2029 outside of quotes/;
      assert.throws(() => readGoYaml(text, 'the mesh'), { code: 'SMM302', message }, JSON.stringify(text));
    }
    assert.deepEqual(readGoYaml('{"a\u2028b": \'c\u2029d\'}', 'it'), new Map([['a\u2028b', 'c\u2029d']]));
    // Text after the first document is not read.
    assert.deepEqual(readGoYaml('a: b\n---\nc: \u2028d', 'it'), new Map([['a', 'b']]));
  });

  it('does not let aliases fill the memory', () => {
    const levels = Array.from({ length: 30 }, (_, n) => `a${n + 1}: &a${n + 1} [*a${n}, *a${n}, *a${n}, *a${n}]`);
    const started = process.memoryUsage().heapUsed;
    assert.throws(() => readGoYaml(['a0: &a0 [x]', ...levels].join('\n'), 'it'), { message: /too many aliases/ });
    assert.ok(process.memoryUsage().heapUsed - started < 300_000_000);
  });

  it('survives a text that nests too deeply', () => {
    assert.throws(() => readGoYaml('['.repeat(20_000), 'it'), { code: 'SMM302' });
  });
});

describe('a mesh file that we wrote', () => {
  it('is read back as it was, by YAML 1.1 and by JSON-like readers', () => {
    const text = fc.string({ unit: 'binary', maxLength: 30 });
    fc.assert(
      fc.property(fc.uniqueArray(fc.tuple(text, text), { selector: ([key]) => key }), (entries) => {
        const written = formatMesh(new Map([['proxyMetadata', new Map(entries)]]));
        const read = readGoYaml(written, 'it') as Map<string, Map<string, Map<string, string>>>;
        assert.deepEqual(read.get('defaultConfig')?.get('proxyMetadata'), new Map(entries));
        // Nothing in it that Go's reader refuses or takes for the end of a line.
        assert.doesNotMatch(written, /[^\n\x20-\x7e\xa0-\u2027\u202a-\ufefe\uff00-\ufffd\u{10000}-\u{10ffff}]/u);
      }),
      { numRuns: 150 },
    );
  });
});

describe('a duration', () => {
  it('keeps its nanoseconds when it is written and read', () => {
    const nanoseconds = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    // Go reads a fraction in doubles, so only whole units come back to the digit.
    fc.assert(
      fc.property(nanoseconds, (value) => {
        assert.equal(parseDuration(`${value}ns`), value);
        assert.match(formatDuration(value), /^-?\d+(?:\.(?:\d{3}){1,3})?s$/);
        assert.equal(parseDuration(formatDuration(value - (value % 1_000_000_000n))), value - (value % 1_000_000_000n));
      }),
    );
  });
});
