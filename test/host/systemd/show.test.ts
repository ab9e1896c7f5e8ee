import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  parseCommands,
  parseEnvironment,
  parseEnvironmentFile,
  parseShow,
  parseTimestamp,
  splitWords,
} from '../../../src/host/systemd/show.ts';

describe('the output of systemctl show', () => {
  it('has a property once for each of its commands', () => {
    const properties = parseShow('ExecStart=a\nExecStart=b\nResult=success\n', new Set(['ExecStart', 'Result']));
    assert.deepEqual(
      [...properties],
      [
        ['ExecStart', ['a', 'b']],
        ['Result', ['success']],
      ],
    );
  });

  it('may hold newlines and equal signs in a value', () => {
    const properties = parseShow('Environment=A=x\nFOO=bar\nResult=success', new Set(['Environment', 'Result']));
    assert.deepEqual(properties.get('Environment'), ['A=x\nFOO=bar']);
    assert.deepEqual(properties.get('Result'), ['success']);
  });
});

describe('commands as systemd prints them', () => {
  const tail = 'start_time=[Mon 2026-11-23 12:00:00 UTC] ; stop_time=[n/a] ; pid=12 ; code=(null) ; status=0/0 }';
  it('are told apart, with their arguments', () => {
    const first = `{ path=/bin/a ; argv[]=/bin/a --x=1 y ; ignore_errors=yes ; ${tail}`;
    const second = `{ path=/bin/b ; argv[]=/bin/b ; ignore_errors=no ; ${tail}`;
    const expected = [{ argv: ['/bin/a', '--x=1', 'y'] }, { argv: ['/bin/b'] }];
    assert.deepEqual(parseCommands([first, second]), expected);
    assert.deepEqual(parseCommands([`${first} ; ${second}`]), expected, 'on one line, as systemd 239 does');
  });

  it('may hold semicolons, braces and stray quotes', () => {
    const [command] = parseCommands([`{ path=/bin/sh ; argv[]=/bin/sh -c echo "a ; } ; ignore_errors=no ; ${tail}`]);
    assert.deepEqual(command?.argv, ['/bin/sh', '-c', 'echo', '"a', ';', '}']);
  });

  it('are none for an empty value', () => {
    assert.deepEqual(parseCommands(['']), []);
  });
});

describe('Environment=', () => {
  const rows: [string, string, Record<string, string>][] = [
    ['plain', 'A=b C=d=e', { A: 'b', C: 'd=e' }],
    ['quoted', 'A=b "C=d e" D=f', { A: 'b', C: 'd e', D: 'f' }],
    ['quoted for a shell', `A=b $'C=d\\'s\\n' D=f`, { A: 'b', C: "d's\n", D: 'f' }],
    ['not quoted at all (before systemd 246)', 'A=b c d D=f', { A: 'b c d', D: 'f' }],
    ['with escaped quotes', '"Q=x\\"y"', { Q: 'x"y' }],
    ['empty', '', {}],
    ['set to nothing', 'A= B=', { A: '', B: '' }],
  ];
  for (const [what, text, expected] of rows) it(what, () => assert.deepEqual(parseEnvironment(text), expected));
});

describe('other values', () => {
  it('a time', () => {
    assert.deepEqual(parseTimestamp('Mon 2026-11-23 12:42:23 UTC'), new Date('2026-11-23T12:42:23Z'));
    assert.equal(parseTimestamp('n/a'), null);
    assert.equal(parseTimestamp(''), null);
  });
  it('an environment file', () => {
    assert.equal(parseEnvironmentFile('/etc/default/istio (ignore_errors=yes)'), '/etc/default/istio');
  });
  it('a list of paths', () => {
    assert.deepEqual(splitWords('/a/b.conf "/c d/e.conf"'), ['/a/b.conf', '/c d/e.conf']);
  });
});
