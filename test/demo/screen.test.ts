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
  it('has no colours with NO_COLOR, or if the output is no terminal', () => {
    const seen = (screen: Screen) => screen.seen('it is so');
    assert.equal(shown({}, {}, seen), '   ok it is so\n');
    assert.equal(shown({ isTTY: true }, { NO_COLOR: '1' }, seen), '   ok it is so\n');
    assert.equal(shown({ isTTY: true }, {}, seen), '   \u001b[32mok\u001b[0m it is so\n');
  });

  it('is wrapped to the width of the terminal, with the name of the side before each line', () => {
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
  it('is Linux and some programs, each with its purpose', () => {
    assert.match(lacking('darwin', '')[0] ?? '', /^Linux: /);
    assert.deepEqual(lacking('linux', '/usr/bin:/bin'), []);
    assert.match(lacking('linux', '/nowhere').join('\n'), /^dpkg-deb: .*\nbash: .*\nmkfifo: /);
  });
});
