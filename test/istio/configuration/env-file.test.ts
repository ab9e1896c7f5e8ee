import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { setEnv } from '../../../src/istio/configuration/env/env-file.ts';
import { knownValues, readEnvText } from '../../../src/istio/configuration/env/env-text.ts';
import { formatEnv } from '../../../src/istio/configuration/go/quote.ts';
import { sourceAll } from './bash.ts';

const HAND_MADE = `# made by hand
ISTIO_SERVICE_CIDR=*
  export ISTIO_NAMESPACE="vms"   # where it lives
CA_ADDR=istiod.istio-system.svc:15012
MULTI='a
CA_ADDR=not-this
b'
ISTIO_SVC_IP=$(hostname -I | cut -d' ' -f1)

LAST='x'"y"z`;

describe('an env file of an operator', () => {
  it('is understood where that is possible without running it', () => {
    assert.deepEqual(
      [...knownValues(HAND_MADE)],
      [
        ['ISTIO_SERVICE_CIDR', '*'],
        ['ISTIO_NAMESPACE', 'vms'],
        ['CA_ADDR', 'istiod.istio-system.svc:15012'],
        ['MULTI', 'a\nCA_ADDR=not-this\nb'],
        ['LAST', 'xyz'],
      ],
    );
  });

  it('is changed in one line only', () => {
    assert.equal(
      setEnv(HAND_MADE, { CA_ADDR: 'istiod-canary.istio-system.svc:15012' }, 'cluster.env'),
      HAND_MADE.replace(
        '\nCA_ADDR=istiod.istio-system.svc:15012\n',
        "\nCA_ADDR='istiod-canary.istio-system.svc:15012'\n",
      ),
    );
  });

  it('is left alone where the value is right already, however it is quoted', () => {
    assert.equal(setEnv(HAND_MADE, { ISTIO_NAMESPACE: 'vms', LAST: 'xyz' }, 'cluster.env'), HAND_MADE);
  });

  it('keeps an export', () => {
    assert.equal(setEnv('export A=b\n', { A: 'c d' }, 'it'), "export A='c d'\n");
  });

  it('gets a line at its end for a key that is new, or set in a way that is not understood', () => {
    assert.equal(setEnv('A=b', { C: 'd' }, 'it'), "A=b\nC='d'\n");
    assert.equal(setEnv('', { C: 'w' }, 'it'), 'C=w\n');
    for (const text of [
      'C=$X\n',
      'C=x; D=y\n',
      'if true; then\nC=x\nfi\n',
      'cat <<C\nC=x\nC\n',
      'C=a\nunset C\n',
      'f() {\nC=x\n}\n',
      '{ C=x; }\n',
      '(C=x\n)\n',
    ]) {
      const changed = setEnv(text, { C: 'd' }, 'it');
      assert.equal(changed, `${text}C='d'\n`);
      // Once more, and with another value: it stays one line.
      assert.equal(setEnv(changed, { C: 'd' }, 'it'), changed);
      assert.equal(setEnv(changed, { C: 'e' }, 'it'), `${text}C='e'\n`);
    }
  });

  it('loses a key, but not one of which it cannot be told who sets it', () => {
    assert.equal(setEnv('A=1\nB=2\nA=3\n', { A: null }, 'it'), 'B=2\n');
    assert.equal(setEnv(HAND_MADE, { ABSENT: null }, 'it'), HAND_MADE);
    const message = /^cannot change A in cluster\.env: line 2 may set it/;
    assert.throws(() => setEnv('B=1\nA=$B\n', { A: null }, 'cluster.env'), { code: 'SMM306', message });
  });

  it('is refused when bash would not come to a new line', () => {
    for (const text of ["A='x\nB=1\n", 'if true; then\nB=1\n', 'cat <<E\nB=1\n']) {
      assert.throws(() => setEnv(text, { C: 'd' }, 'sidecar.env'), { code: 'SMM306', message: /never closed/ });
    }
  });

  it('is cut into pieces that are the whole of it', () => {
    const piece = fc.constantFrom(
      'A=',
      'b',
      "'",
      '"',
      '\\',
      '$(',
      ')',
      '`',
      '#',
      ' ',
      '\n',
      '<<',
      'if ',
      'é',
      '\r',
      "$'",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const text = pieces.join('');
        const { entries } = readEnvText(text);
        assert.equal(entries.map((entry) => entry.text).join(''), text);
      }),
      { numRuns: 500 },
    );
  });
});

describe('what is understood of an env file', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'smm-env-'));
  });
  after(() => rm(folder, { recursive: true }));

  // Where bash comes to the end of the file, a key that we set has our value. A key that we understood has the value
  // that we read, unless a later line mentions it.
  it('is what bash makes of it, before and after a change', async () => {
    const word = fc.constantFrom(
      'w',
      '80,90',
      "'a b'",
      '"c d"',
      "'x'\\''y'",
      '"$A"',
      'a\\ b',
      '*',
      "'l\nA=no\n'",
      '#x',
      'a#b',
      '~',
      "$'q'",
    );
    const line = fc.oneof(
      fc.tuple(fc.constantFrom('A', 'B', 'export A', 'C'), word).map(([key, value]) => `${key}=${value}`),
      fc.constantFrom(
        '# A=1',
        '',
        'if false; then',
        'fi',
        'A=1 B=2',
        'A=1; B=3',
        'unset B',
        `: "\${A:-}"`,
        'B=$(echo A)',
        'A=3 # c',
      ),
    );
    const texts = fc.sample(fc.array(line, { maxLength: 6 }), 300).map((lines) => `${lines.join('\n')}\n`);
    const files: { name: string; keys: string[]; expected: string[] }[] = [];
    for (const text of texts) {
      const known = knownValues(text);
      const { entries, isClosed } = readEnvText(text);
      if (!isClosed) continue;
      const isPlain = entries.every(({ kind }) => kind !== 'other');
      const changed = setEnv(text, { A: "it's new" }, 'it');
      assert.equal(setEnv(changed, { A: "it's new" }, 'it'), changed);
      for (const [content, expected] of [
        [changed, ["it's new"]],
        ...(isPlain ? [[text, [known.get('A') ?? '', known.get('B') ?? '']] as const] : []),
      ] as const) {
        const name = `${files.length}.env`;
        await writeFile(join(folder, name), content);
        files.push({ name, keys: ['A', 'B'].slice(0, expected.length), expected: [...expected] });
      }
    }
    const held = await sourceAll(folder, files);
    for (const [index, { name, expected }] of files.entries()) {
      // Null: bash itself could not read it, for example an "if" without its "fi".
      if (held[index] !== null) assert.deepEqual(held[index], expected, name);
    }
    assert.ok(held.filter((values) => values !== null).length > 150);
  });

  it('is what istioctl wrote', () => {
    const values = fc.array(fc.tuple(fc.stringMatching(/^[A-Z_][A-Z0-9_]{0,9}$/), fc.string({ unit: 'binary' })));
    fc.assert(
      fc.property(values, (entries) => {
        const variables = new Map(entries);
        const read = knownValues(formatEnv(variables));
        for (const [key, value] of variables) assert.equal(read.get(key), value);
        assert.equal(read.size, variables.size);
      }),
      { numRuns: 200 },
    );
  });
});
