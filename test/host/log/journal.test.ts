import assert from 'node:assert/strict';
import { closeSync, fstatSync, openSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { hideSecrets } from '../../../src/base/secrets.ts';
import { isJournal, type LogOptions, openLog } from '../../../src/host/log/journal.ts';
import type { Log } from '../../../src/host/log/log.ts';

function said(say: (log: Log) => void, options: Partial<LogOptions> = {}): string {
  let text = '';
  const output = { write: (line: string) => (text += line) };
  say(openLog({ format: 'text', level: 'debug', toJournal: true, output, ...options }));
  return text;
}

describe('a line for the journal', () => {
  it('is its priority, the sentence and the fields', () => {
    const text = said((log) => {
      log.error('cannot stage', { release: '1.31.1-0123456789ab', tries: 3, held: false, since: null });
      log.warn('w');
      log.info('i');
      log.debug('d');
    });
    assert.equal(text, '<3>cannot stage release=1.31.1-0123456789ab tries=3 held=false since=null\n<4>w\n<6>i\n<7>d\n');
  });

  for (const [value, written] of [
    ['two words', '"two words"'],
    ['', '""'],
    ['a="b"\\', '"a=\\"b\\"\\\\"'],
    ['/etc/smm/agent.yaml', '/etc/smm/agent.yaml'],
    ['Zürich', 'Zürich'],
    ['\u001b[2J', '"\\u{1b}[2J"'],
  ] as const) {
    it(`writes the value ${JSON.stringify(value)} as ${written}`, () => {
      assert.equal(
        said((log) => log.info('s', { key: value })),
        `<6>s key=${written}\n`,
      );
    });
  }

  it('is one line for any text from the network, so that no text can forge another line', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (sentence, value) => {
        const text = said((log) => log.info(sentence, { value }));
        assert.match(text, /^<6>[^\p{Cc}\p{Cf}]*\n$/u);
      }),
    );
    assert.equal(
      said((log) => log.info('100 %s of\n<0>it', {})),
      '<6>100 %s of\\n<0>it\n',
    );
  });

  it('is cut before journald would cut it', () => {
    assert.ok(said((log) => log.info('x'.repeat(100_000))).length < 9000);
  });

  it('below the level is not written', () => {
    assert.equal(
      said((log) => log.info('i'), { level: 'warn' }),
      '',
    );
  });
});

describe('a line elsewhere', () => {
  it('begins with time and level', () => {
    const text = said((log) => log.warn('sentence', { level: 'a', time: 'b', msg: 'c' }), { toJournal: false });
    assert.match(text, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z warn {2}sentence level_=a time_=b msg_=c\n$/);
  });

  it('is JSON when that is asked for, also in the journal', () => {
    const entry: unknown = JSON.parse(said((log) => log.info('sentence\n', { tries: 3 }), { format: 'json' }));
    assert.partialDeepStrictEqual(entry, { level: 'info', msg: 'sentence\n', tries: 3 });
  });
});

describe('secrets', () => {
  const JWT = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl-_';

  it('are not logged, in no format, sentence or field', () => {
    for (const format of ['text', 'json'] as const) {
      for (const secret of [JWT, `Bearer ${JWT}`, 'Bearer opaque-token-1234', 'https://me:hunter2-opaque@host/path']) {
        const text = said((log) => log.error(`answer to ${secret}`, { header: secret, why: `"${secret}"` }), {
          format,
        });
        assert.doesNotMatch(text, /eyJ|opaque|hunter2/);
        assert.match(text, /hidden/);
      }
    }
  });

  it('are hidden and nothing around them', () => {
    assert.equal(hideSecrets(`a ${JWT} b`), 'a (hidden token) b');
    assert.equal(hideSecrets('{"h":"Bearer opaque-token","k":1}'), '{"h":"Bearer (hidden)","k":1}');
    assert.equal(hideSecrets('https://u:p@h/x and https://h/y@z'), 'https://(hidden)@h/x and https://h/y@z');
    assert.equal(
      hideSecrets('-----BEGIN EC PRIVATE KEY-----\nabc\n-----END EC PRIVATE KEY----- b'),
      '(hidden private key) b',
    );
    assert.match(
      said((log) => log.info('-----BEGIN PRIVATE KEY-----\nabc', { a: 1 })),
      /^<6>\(hidden private key\) a=1\n$/,
    );
    const harmless = 'cannot read the Bearer token from /etc/smm/credentials/token: see istio.io/rev=1-31-1';
    assert.equal(hideSecrets(harmless), harmless);
  });
});

describe('the output leads to the journal', () => {
  it('when its device and inode are those of $JOURNAL_STREAM', () => {
    const fd = openSync('/dev/null', 'r');
    const { dev, ino } = fstatSync(fd, { bigint: true });
    assert.equal(isJournal(fd, { JOURNAL_STREAM: `${dev}:${ino}` }), true);
    assert.equal(isJournal(fd, { JOURNAL_STREAM: `${dev}:${ino + 1n}` }), false);
    assert.equal(isJournal(fd, {}), false);
    closeSync(fd);
  });
});
