import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { configurationKeys, listedKeys } from '../scripts/configuration-keys.ts';
import { packageJson, projectRoot } from '../scripts/project.ts';
import { commands } from '../src/cli/commands.ts';
import { leafKeys } from '../src/config/keys.ts';
import { parseConfig } from '../src/config/parse.ts';
import { Config } from '../src/config/schema.ts';

const read = (file: string) => readFileSync(join(projectRoot, file), 'utf8');

describe('docs/errors.md', () => {
  // What is wrong, and below it what to do.
  const entries = [...read('docs/errors.md').matchAll(/^- \*\*(SMM\d{3})\*\*: \S.*\n(?: {2}[^-\s].*\n)* {2}- \S/gm)];
  const listed = entries.map(([, code = '']) => code);

  it('lists every code of the sources, once and in order', () => {
    const texts = globSync('src/**/*.ts', { cwd: projectRoot }).map(read).join('\n');
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
});

describe('docs/configuration.md', () => {
  it('has the keys of the schema, with default and meaning: node scripts/configuration-keys.ts writes them', () => {
    assert.equal(listedKeys(read('docs/configuration.md')), configurationKeys());
  });
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

describe('the documents', () => {
  const files = globSync(['*.md', 'docs/*.md', 'systemd/*.md', 'packaging/**/*.md', 'test/**/*.md'], {
    cwd: projectRoot,
  });

  for (const file of files) {
    it(`${file} links to files and headings that exist`, () => {
      for (const [, target = '', anchor] of read(file).matchAll(/\]\(([^)#:\s]*)(?:#([^)]+))?\)/g)) {
        const linked = target === '' ? file : join(dirname(file), target);
        const headings = [...read(linked).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => slug(heading));
        assert.equal(anchor === undefined || headings.includes(anchor), true, `${target}#${anchor}`);
      }
    });

    it(`${file} names only commands, sources and scripts that exist`, () => {
      const text = read(file);
      const code = [...text.matchAll(/```[^`]*```|`[^`\n]+`/g)]
        .map(([block]) => block.replaceAll(/^`+\w*/g, ''))
        .join('\n');
      for (const [, name = ''] of code.matchAll(/(?:^|\n|sudo |\| )smm-agent ([a-z][a-z-]+)\b/g)) {
        assert.equal(name in commands, true, `smm-agent ${name}`);
      }
      for (const [, name = ''] of code.matchAll(/(?<![\w/])((?:src|test|packaging|systemd|scripts|docs)\/[\w./-]+)/g)) {
        assert.equal(existsSync(join(projectRoot, name)), true, name);
      }
    });
  }
});

/** As GitHub makes anchors of headings. */
function slug(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');
}
