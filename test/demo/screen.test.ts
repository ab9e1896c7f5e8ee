import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { lacking } from './requirements.ts';
import { Screen } from './screen.ts';

function shown(
  terminal: { isTTY?: boolean; columns?: number },
  env: NodeJS.ProcessEnv,
  act: (screen: Screen) => void,
): string {
  let text = '';
  act(
    new Screen(
      {
        ...terminal,
        write: (more: string) => {
          text += more;
        },
      },
      env,
    ),
  );
  return text;
}

describe('what the demo shows', () => {
  it('is plain where it is not a terminal, and with NO_COLOR', () => {
    const seen = (screen: Screen) => screen.seen('it is so');
    assert.equal(shown({}, {}, seen), '   ok it is so\n');
    assert.equal(shown({ isTTY: true }, { NO_COLOR: '1' }, seen), '   ok it is so\n');
    assert.equal(shown({ isTTY: true }, {}, seen), '   \u001b[32mok\u001b[0m it is so\n');
  });

  it('fits the terminal, and shows which side says a line', () => {
    const text = shown({ isTTY: true, columns: 40 }, { NO_COLOR: '1' }, (screen) =>
      screen.side('journal', 'one two three four five six\n  seven'),
    );
    assert.equal(
      text,
      '   journal       | one two three four\n                 |   five six\n   journal       |   seven\n',
    );
  });
});

describe('what the demo needs', () => {
  it('is Linux and the programs that it runs, each with what it is for', () => {
    assert.match(lacking('darwin', '')[0] ?? '', /^Linux: /);
    assert.deepEqual(lacking('linux', '/usr/bin:/bin'), []);
    assert.match(lacking('linux', '/nowhere').join('\n'), /^dpkg-deb: .*\nbash: .*\nmkfifo: /);
  });
});
