import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { packageJson, projectRoot } from '../scripts/project.ts';
import { leafKeys } from '../src/config-schema.ts';

const read = (file: string) => readFileSync(join(projectRoot, file), 'utf8');

describe('docs/errors.md', () => {
  const rows = [...read('docs/errors.md').matchAll(/^\| (SMM\d{3}) \| (.+) \| (.+) \|$/gm)];
  const listed = rows.map(([, code = '']) => code);

  it('lists every code of the sources, once and in order', () => {
    const sources = globSync('src/**/*.ts', { cwd: projectRoot }).map(read).join('\n');
    const used = new Set([...sources.matchAll(/['"`](SMM[1-6]\d{2})['"`]/g)].map(([, code = '']) => code));
    assert.deepEqual(listed, [...used].sort());
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

  it('explains every key of the configuration', () => {
    const table = readme.slice(readme.search(/^\| key +\| default/m));
    for (const key of leafKeys()) {
      const [section = '', leaf = ''] = key.split('.');
      assert.match(table, new RegExp(`^\\|.*\`(${key}|\\.${leaf})\``, 'm'), `${section}: ${key}`);
    }
  });

  it('links to files that exist', () => {
    for (const [, target = ''] of readme.matchAll(/\]\(([^)#:]+)\)/g)) assert.doesNotThrow(() => read(target), target);
  });
});
