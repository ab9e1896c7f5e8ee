import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { configurationKeys, listedKeys } from '../scripts/configuration-keys.ts';
import { packageJson, projectRoot } from '../scripts/project.ts';
import { ERRORS } from '../src/base/error-codes.ts';
import { commands } from '../src/cli/commands.ts';
import { leafKeys } from '../src/config/keys.ts';
import { parseConfig } from '../src/config/parse.ts';
import { Config } from '../src/config/schema.ts';
import type { UpgradeState } from '../src/status/status.ts';
import { EVENTS, MACHINES, stateOf } from './support/upgrade-states.ts';
import { WORDS } from './support/words.ts';

const MOST_COLUMNS = 120;

const read = (file: string) => readFileSync(join(projectRoot, file), 'utf8');
const sources = globSync(['{src,publisher,packaging,scripts,test}/**/*.{ts,mjs}', 'systemd/bin/*'], {
  cwd: projectRoot,
}).sort();
const documents = globSync(['*.md', '.github/**/*.md', '{docs,systemd,packaging,publisher,scripts,src,test}/**/*.md'], {
  cwd: projectRoot,
}).sort();

/** The Mermaid diagrams of a page, in order. */
function diagrams(page: string): string[] {
  return [...read(page).matchAll(/^```mermaid\n([^`]*)```$/gm)].map(([, diagram = '']) => diagram);
}

/** Each heading's anchor, as GitHub makes them. */
function anchors(page: string): string[] {
  const text = page.replaceAll(/^```[\s\S]*?^```$/gm, '');
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => slug(heading));
}

function slug(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');
}

/** The text without code, which may break lines and hold any word; each line stays where it is. */
function prose(page: string): string {
  const blank = (code: string) => code.replaceAll(/[^\n]+/g, ' ');
  return page.replaceAll(/^ *```[\s\S]*?^ *```$/gm, blank).replaceAll(/`[^`]+`/g, blank);
}

describe('docs/errors.md', () => {
  // What is wrong, and below it what to do.
  const entries = [...read('docs/errors.md').matchAll(/^- \*\*(SMM\d{3})\*\*: \S.*\n(?: {2}[^-\s].*\n)* {2}- \S/gm)];
  const listed = entries.map(([, code = '']) => code);

  it('says of each code of the catalogue what that says, in its order', () => {
    const words = [...read('docs/errors.md').matchAll(/^- \*\*(SMM\d{3})\*\*: (\S.*\n(?: {2}[^-\s].*\n)*)/gm)].map(
      ([, code = '', text = '']) => [code, text.replaceAll(/\s+/g, ' ').trim()],
    );
    assert.deepEqual(words, Object.entries(ERRORS));
  });

  it('lists no code that the sources do not use', () => {
    const texts = globSync('src/**/*.ts', { cwd: projectRoot })
      .filter((file) => !file.endsWith('error-codes.ts'))
      .map(read)
      .join('\n');
    const used = new Set([...texts.matchAll(/['"`](SMM\d{3})['"`]/g)].map(([, code = '']) => code));
    assert.deepEqual(listed, [...used].sort());
  });

  it('has no entry without a remedy', () => {
    assert.equal(listed.length, read('docs/errors.md').match(/^- /gm)?.length);
  });
});

describe('docs/security.md', () => {
  it('names tests that are there', () => {
    const named = [...read('docs/security.md').matchAll(/`(test\/[^`]+)`/g)].map(([, path = '']) => path);
    assert.ok(named.length > 20);
    for (const path of named) assert.equal(existsSync(join(projectRoot, path)), true, path);
  });
});

describe('README.md', () => {
  const readme = read('README.md');

  it('begins with the three commands of a fresh machine', () => {
    const [first = ''] = /```sh\n[^`]*```/.exec(readme) ?? [];
    assert.deepEqual(first.match(/^npm .*?(?= +#)/gm), ['npm run demo', 'npm test', 'npm run test:real']);
  });

  it('has only commands that exist, and each that .ci/run calls', () => {
    const { scripts } = packageJson();
    const named = [...readme.matchAll(/\bnpm (?:run )?([a-z:]+)/g)].map(([, name = '']) => name);
    for (const name of named) assert.equal(name in scripts, true, `npm run ${name}`);
    const steps = [...read('.ci/run').matchAll(/^step \S+ npm (?:run )?([a-z:]+)$/gm)].map(([, name = '']) => name);
    assert.deepEqual(steps, ['ci', 'check', 'test', 'package', 'test:real']);
    for (const step of steps.slice(1)) assert.equal(named.includes(step), true, `npm run ${step} is not in the README`);
  });

  it('is read in one sitting', () => {
    assert.ok(readme.split('\n').length <= 150);
  });

  it('shows the flow and the states as docs/architecture.md does', () => {
    assert.equal(diagrams('README.md').length, 2);
    assert.deepEqual(diagrams('README.md'), diagrams('docs/architecture.md'));
  });
});

describe('docs/configuration.md', () => {
  it('has the keys of the schema, with default and meaning: node scripts/configuration-keys.ts writes them', () => {
    assert.equal(listedKeys(read('docs/configuration.md')), configurationKeys());
  });
});

describe('docs/self-upgrade.md', () => {
  const [diagram = ''] = diagrams('docs/self-upgrade.md').filter((text) => text.startsWith('stateDiagram-v2\n'));
  const transitions = [...diagram.matchAll(/^ +(\w+) --> (\w+): (.+)$/gm)].map(([, from, to, event]) => {
    return { from: from as UpgradeState, to: to as UpgradeState, event: event ?? '' };
  });

  it('has the states of UpgradeState, each in the diagram and explained once', () => {
    const [, union = ''] = /export type UpgradeState =\n([^;]+);/.exec(read('src/status/status.ts')) ?? [];
    const states = [...union.matchAll(/^ {2}\| '(\w+)'/gm)].map(([, state = '']) => state).sort();
    assert.deepEqual(Object.keys(MACHINES).sort(), states);
    const drawn = new Set([...diagram.matchAll(/\b(\w+)(?= -->)|(?<=--> )(\w+)/g)].map(([state]) => state));
    assert.deepEqual([...drawn].sort(), states);
    const explained = [...read('docs/self-upgrade.md').matchAll(/^- \*\*([a-z]+)\*\*: /gm)];
    assert.deepEqual(explained.map(([, state = '']) => state).sort(), states);
  });

  it('has nothing in the diagram but transitions', () => {
    assert.equal(diagram.trim().split('\n').length, 2 + transitions.length);
    assert.deepEqual(new Set(transitions.map(({ event }) => event)), new Set(Object.keys(EVENTS)));
  });

  for (const [state, machine] of Object.entries(MACHINES)) {
    it(`calls it ${state} as the agent does`, async () => assert.equal(await stateOf(machine), state));
  }

  for (const { from, to, event } of transitions) {
    it(`is right that "${event}" leads from ${from} to ${to}`, async () => {
      assert.equal(await stateOf(EVENTS[event]?.(MACHINES[from]) ?? MACHINES[from]), to);
    });
  }
});

describe('packaging/files/agent.yaml.example', () => {
  const example = read('packaging/files/agent.yaml.example');

  it('can be used as it is, and sets nothing but the defaults', async () => {
    const { problems } = await parseConfig(example, 'agent.yaml.example');
    assert.deepEqual(problems, []);
    const given = Config.parse(parse(example));
    assert.deepEqual(given, Config.parse({ workloadGroup: given.workloadGroup, controlPlane: given.controlPlane }));
  });

  it('has every key', () => {
    for (const key of leafKeys()) assert.match(example, new RegExp(`^ *(# )?${key.split('.').at(-1)}: `, 'm'), key);
  });
});

describe('CONTRIBUTING.md', () => {
  it('lists the words of test/support/words.ts', () => {
    const contributing = read('CONTRIBUTING.md');
    const listed = [...contributing.matchAll(/^- `([^`<]+)`: (.+)$/gm)].map(([, word, plainer]) => [word, plainer]);
    assert.deepEqual(
      listed,
      WORDS.map(({ word, plainer }) => [word, plainer]),
    );
    for (const { word, pattern } of WORDS) assert.match(word, pattern);
  });
});

describe('the documents', () => {
  for (const file of documents) {
    const text = read(file);

    it(`${file} links to files and headings that exist`, () => {
      for (const [, target = '', anchor] of text.matchAll(/\]\(([^)#:\s]*)(?:#([^)]+))?\)/g)) {
        const linked = target === '' ? file : join(dirname(file), target);
        assert.equal(existsSync(join(projectRoot, linked)), true, target);
        assert.equal(anchor === undefined || anchors(read(linked)).includes(anchor), true, `${target}#${anchor}`);
      }
    });

    it(`${file} names only commands, sources and scripts that exist`, () => {
      const code = [...text.matchAll(/```[^`]*```|`[^`\n]+`/g)]
        .map(([block]) => block.replaceAll(/^```\w*|`/g, ''))
        .join('\n');
      for (const [, name = ''] of code.matchAll(/(?:^|\n|sudo |\| )smm-agent ([a-z][a-z-]+)\b/g)) {
        assert.equal(name in commands, true, `smm-agent ${name}`);
      }
      for (const [, name = ''] of code.matchAll(/(?<![\w/])((?:src|test|packaging|systemd|scripts|docs)\/[\w./-]+)/g)) {
        assert.equal(existsSync(join(projectRoot, name)), true, name);
      }
    });

    it(`${file} has no line of more than ${MOST_COLUMNS} columns`, () => {
      // Blocks of the language `text` hold what cannot be broken, output for example. Links are defined in one line.
      const breakable = text.replaceAll(/^ *```text\n[\s\S]*?^ *```$|^\[[^\]]+\]: .*$/gm, (block) =>
        block.replaceAll(/.+/g, ''),
      );
      const long = breakable.split('\n').flatMap((line, index) => {
        return line.length > MOST_COLUMNS ? [`${file}:${index + 1} has ${line.length}`] : [];
      });
      assert.deepEqual(long, []);
    });

    it(`${file} is in plain words`, () => {
      const lines = prose(text).split('\n');
      // Two lines at once: a phrase can go over the end of one.
      const found = lines.flatMap((line, index) => {
        const both = `${line} ${(lines[index + 1] ?? '').trimStart()}`;
        return WORDS.flatMap(({ pattern, plainer }) => {
          const match = pattern.exec(both);
          return match !== null && match.index < line.length
            ? [`${file}:${index + 1} "${match[0]}": write ${plainer}`]
            : [];
        });
      });
      assert.deepEqual(found, []);
    });
  }
});

describe('the comments of the sources', () => {
  it('cite pages and headings that exist, as in: docs/design.md, "When Envoy is ready"', () => {
    const missing = sources.flatMap((file) => {
      const comments = read(file).replaceAll(/\n\s*(?:\*|\/\/|#) ?/g, ' ');
      return [...comments.matchAll(/\b((?:docs|systemd)\/[\w-]+\.md), "([^"]+)"/g)]
        .filter(
          ([, page = '', heading = '']) =>
            !existsSync(join(projectRoot, page)) || !anchors(read(page)).includes(slug(heading)),
        )
        .map(([citation]) => `${file}: ${citation}`);
    });
    assert.deepEqual(missing, []);
  });
});
