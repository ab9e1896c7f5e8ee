/** Comments, messages and titles in plain words: those of the list in support/words.ts stand in none of them. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { projectRoot } from '../scripts/project.ts';
import { WORDS } from './support/words.ts';

const sources = globSync('{src,publisher,packaging,scripts,test}/**/*.{ts,mjs}', { cwd: projectRoot })
  .filter((file) => !/words(\.test)?\.ts$/.test(file))
  .sort();
const scripts = globSync(
  ['systemd/*.{service,conf}', 'systemd/bin/*', 'packaging/{deb,files,kubernetes,needrestart}/*'],
  {
    cwd: projectRoot,
  },
)
  .filter((file) => !file.endsWith('.md'))
  .sort();

interface Text {
  line: number;
  text: string;
}

/** A result in the entries of the history, which are kept for years. */
const PUT_BACK = "'put back'";
/** Data values with that result, by file: the id of an entry, and the lines that tests make of entries. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  'src/history/notes.ts': ['`istio put back x x`'],
  'test/history/history.test.ts': ["'0.3.0 put back 0.2.0'", '`x put back x`'],
  'test/vm/self-upgrade/operator.test.ts': ["'put back 0.6.0'"],
};
/** The user of that name, in a unit and in a command. */
const USER_NOBODY = /\b(?:User=|chown )nobody\b/g;

const COMMENT_OR_STRING = /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\[\s\S]|[^`\\])*`/g;

/** What people read of a source: comments, and strings of more than one word that are no data values. */
function textsOf(source: string, values: readonly string[] = []): Text[] {
  return [...source.matchAll(COMMENT_OR_STRING)].flatMap((match) => {
    const isComment = match[0].startsWith('/');
    const text = isComment ? withoutCode(match[0]) : withoutValues(match[0]);
    if (!isComment && (!/\w \w/.test(match[0]) || text === PUT_BACK || values.includes(text))) return [];
    const line = source.slice(0, match.index).split('\n').length;
    return [{ line, text }];
  });
}

/** Comments and messages of a script; the rest is code, whose names are names. */
function textsOfScript(script: string): Text[] {
  return script.split('\n').flatMap((line, index) => {
    const comment = /(?:^|\s)#(.*)$/.exec(line)?.[1] ?? '';
    const strings = [...line.matchAll(/"[^"]*\w \w[^"]*"|'[^']*\w \w[^']*'/g)].map(([text]) => text);
    return [withoutCode(comment), ...strings].map((text) => ({ line: index + 1, text }));
  });
}

function withoutValues(text: string): string {
  return text.replaceAll(/\$\{[^}]*\}/g, 'x').replaceAll(USER_NOBODY, 'x');
}

function withoutCode(comment: string): string {
  return comment.replaceAll(/`[^`\n]+`/g, 'x');
}

function found(file: string, texts: readonly Text[]): string[] {
  return texts.flatMap(({ line, text }) =>
    WORDS.flatMap(({ pattern, plainer }) => {
      const match = pattern.exec(text);
      if (match === null) return [];
      const at = line + text.slice(0, match.index).split('\n').length - 1;
      return [`${file}:${at}: "${match[0]}": write ${plainer}`];
    }),
  );
}

describe('the words of the list in CONTRIBUTING.md', () => {
  const read = (file: string) => readFileSync(join(projectRoot, file), 'utf8');

  it('stand in no comment, message or title of the sources', () => {
    assert.deepEqual(
      sources.flatMap((file) => found(file, textsOf(read(file), VALUES[file]))),
      [],
    );
  });

  it('stand in no comment or message of the scripts and units', () => {
    assert.deepEqual(
      scripts.flatMap((file) => found(file, textsOfScript(read(file)))),
      [],
    );
  });

  it('are found where they stand', () => {
    const source = "/** Puts it back. */\nconst a = 'nobody is here';\n// `anew` is a name\n";
    assert.deepEqual(
      found('a.ts', textsOf(source)).map((one) => one.split(': write')[0]),
      ['a.ts:1: "Puts it back"', 'a.ts:2: "nobody"'],
    );
    assert.equal(found('a', textsOfScript("say 'it is put back'  # whoever\n")).length, 2);
  });
});
