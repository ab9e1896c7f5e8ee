import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { projectRoot } from '../../scripts/project.ts';
import { temporaryFolder } from '../support/temporary.ts';

const BIN = join(projectRoot, 'systemd/bin');
/** Variables that agent-run always sets. */
const OWN = { MALLOC_ARENA_MAX: '1', MALLOC_TRIM_THRESHOLD_: '131072' };

const page = readFileSync(join(projectRoot, 'docs/environment.md'), 'utf8');

/** The names of a list of docs/environment.md. Those behind the bracket are not decided on. */
function listed(heading: string): string[] {
  const [, section = ''] = page.split(`\n## ${heading}\n`);
  const [list = ''] = section.split('\n## ');
  const items = [...list.matchAll(/^- ([^(]+) \(/gm)].map(([, names = '']) => names);
  return items.flatMap((names) => [...names.matchAll(/`(\w+)`/g)].map(([, name = '']) => name));
}

/** Name to what becomes of it. */
const table = new Map([
  ...listed('Removed').map((name) => [name, 'goes'] as const),
  ...listed('Left as they are').map((name) => [name, 'stays'] as const),
]);
const decided = (decision: string) => [...table].filter(([, other]) => other === decision).map(([name]) => name);
assert.ok(table.size > 80, 'the table is read');
/** Every variable of the table, empty: an empty `LD_PRELOAD` is harmless, and the others mean nothing to a shell. */
const everything = Object.fromEntries([...table.keys()].map((name) => [name, name === 'PATH' ? '/usr/bin:/bin' : '']));

function namesIn(env: string): string[] {
  return env.split('\n').flatMap((line) => line.split('=')[0] ?? []);
}

describe('docs/environment.md', () => {
  it('has a decision for every variable that `node --help` lists', () => {
    const help = execFileSync(process.execPath, ['--help'], { encoding: 'utf8' });
    const listed = help.slice(help.indexOf('\nEnvironment variables:')).matchAll(/^([A-Z][A-Z0-9_]+)(?= |$)/gm);
    const names = [...listed].map(([name]) => name);
    assert.ok(names.length > 15, help);
    assert.deepEqual(
      names.filter((name) => !table.has(name)),
      [],
    );
  });
});

describe('agent-run', () => {
  it('starts Node with the variables that stay, and without the variables that go', async () => {
    await using folder = await temporaryFolder();
    mkdirSync(join(folder.path, 'node/bin'), { recursive: true });
    const node = join(folder.path, 'node/bin/node');
    writeFileSync(node, '#!/bin/sh\nexec env\n');
    chmodSync(node, 0o755);
    // A value of several lines, one of which looks like another variable.
    const env = { ...everything, LANGUAGE: "a'\nexport NODE_DISGUISED='x\nexport TZ" };
    const left = namesIn(execFileSync(join(BIN, 'agent-run'), [folder.path], { env, encoding: 'utf8' }));
    assert.deepEqual(
      decided('goes').filter((name) => left.includes(name)),
      [],
    );
    const missing = [...decided('stays'), ...Object.keys(OWN)].filter((name) => !left.includes(name));
    assert.deepEqual(missing, []);
  });
});

describe('lib.sh', () => {
  it('removes the variables that go', () => {
    const script = `here=${BIN}; . "$here/lib.sh"; env`;
    const left = namesIn(execFileSync('sh', ['-euc', script], { env: everything, encoding: 'utf8' }));
    assert.deepEqual(
      decided('goes').filter((name) => left.includes(name)),
      [],
    );
  });
});
