import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mapText } from './below-root.ts';
import { parseExec } from './exec-line.ts';
import { parseUnitFile } from './unit-file.ts';
import { expandSpecifiers, expandVariables, parseSpanMs, quoteWord, splitWords } from './words.ts';

describe('words of a unit file', () => {
  it('are split and unquoted like by systemd', () => {
    assert.deepEqual(splitWords(`a "b c" 'd "e"' f\\ g h"i j"k "" \\n`), [
      'a',
      'b c',
      'd "e"',
      'f g',
      'hi jk',
      '',
      '\n',
    ]);
    assert.throws(() => splitWords('a "b'), /unbalanced/);
  });

  it('are quoted like by systemctl show', () => {
    assert.deepEqual(['A=b', 'A=b c', 'A="$x"', ''].map(quoteWord), ['A=b', '"A=b c"', '"A=\\"\\$x\\""', '""']);
  });

  it('can contain specifiers and variables, which are replaced', () => {
    assert.equal(expandSpecifiers('%n %N 100%%', 'x.service'), 'x.service x 100%');
    // biome-ignore lint/suspicious/noTemplateCurlyInString: systemd's syntax, not JavaScript's
    assert.deepEqual(expandVariables(['$A', '${A}', '$$A', 'x${B}y', '$B'], { A: 'b c' }), [
      'b',
      'c',
      'b c',
      '$A',
      'xy',
    ]);
  });

  it('can be spans of time', () => {
    assert.deepEqual(['10', '30s', '1min 30s', '100ms', '1h', 'infinity'].map(parseSpanMs), [
      10_000,
      30_000,
      90_000,
      100,
      3_600_000,
      Infinity,
    ]);
    assert.throws(() => parseSpanMs('3 moons'), /unknown unit/);
  });
});

describe('a unit file', () => {
  it('is parsed with sections, comments and continued lines', () => {
    const text =
      '# no\n[Unit]\nDescription=d\n[Service]\nExecStart=/a \\\n# in between\n  b\n; no\nExecStart=\nnothing\n';
    assert.deepEqual(parseUnitFile(text), [
      { section: 'Unit', key: 'Description', value: 'd' },
      { section: 'Service', key: 'ExecStart', value: '/a  b' },
      { section: 'Service', key: 'ExecStart', value: '' },
    ]);
  });

  it('can have prefixes of commands in any order', () => {
    assert.deepEqual(parseExec('-+/bin/a b'), { path: '/bin/a', argv: ['/bin/a', 'b'], ignoresFailure: true });
    assert.deepEqual(parseExec('@/bin/a name b'), { path: '/bin/a', argv: ['name', 'b'], ignoresFailure: false });
    assert.throws(() => parseExec('-'), /without a program/);
  });
});

describe('a path of a unit file', () => {
  it('is put below the root if it is a path of the machine', () => {
    const map = (text: string) => mapText('/tmp/m', text);
    assert.equal(map('/opt/x'), '/tmp/m/opt/x');
    assert.equal(map('--a=/etc/x:/usr/local/bin /run'), '--a=/tmp/m/etc/x:/tmp/m/usr/local/bin /tmp/m/run');
    assert.equal(map('/usr/bin/timeout'), '/usr/bin/timeout');
    assert.equal(map('/optional /tmp/m/opt/x /tmp/m'), '/optional /tmp/m/opt/x /tmp/m');
    assert.equal(mapText('/var/tmp/m', '/var/tmp/m/opt/x /var/lib'), '/var/tmp/m/opt/x /var/tmp/m/var/lib');
  });
});
