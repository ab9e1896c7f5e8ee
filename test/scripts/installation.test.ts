import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { projectRoot } from '../../scripts/project.ts';

/** A checkout whose npm notes that it was called, and installs nothing but the folder. */
class Checkout implements Disposable {
  readonly root = mkdtempSync(join(tmpdir(), 'smm-checkout-'));
  readonly npm = join(this.root, 'npm.js');

  constructor() {
    writeFileSync(join(this.root, 'package-lock.json'), '{"first":true}');
    this.npmDoes("setTimeout(() => fs.mkdirSync('node_modules', { recursive: true }), 300);");
  }

  npmDoes(what: string): void {
    const note = "const fs = require('fs'); fs.appendFileSync('calls', process.argv.slice(2).join(' ') + '\\n');";
    writeFileSync(this.npm, `${note}\nfs.rmSync('node_modules', { recursive: true, force: true });\n${what}\n`);
  }

  /** What `npm run <command>` does before anything else; resolves with the exit status. */
  async install(): Promise<number> {
    const module = JSON.stringify(join(projectRoot, 'scripts/installation.mjs'));
    const script = `import { install } from ${module}; install(${JSON.stringify(this.root)});`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      env: { PATH: process.env.PATH ?? '', npm_execpath: this.npm, npm_node_execpath: process.execPath },
      stdio: 'ignore',
    });
    const [status] = (await once(child, 'exit')) as [number];
    return status;
  }

  calls(): number {
    const file = join(this.root, 'calls');
    return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').length : 0;
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true });
  }
}

describe('the dependencies of a fresh checkout', () => {
  it('are installed once, with npm ci, by the first of several commands at once', async () => {
    using checkout = new Checkout();
    assert.deepEqual(await Promise.all([checkout.install(), checkout.install(), checkout.install()]), [0, 0, 0]);
    assert.equal(checkout.calls(), 1);
    assert.match(readFileSync(join(checkout.root, 'calls'), 'utf8'), /^ci /);
  });

  it('are installed again when package-lock.json changed', async () => {
    using checkout = new Checkout();
    await checkout.install();
    await checkout.install();
    assert.equal(checkout.calls(), 1);
    writeFileSync(join(checkout.root, 'package-lock.json'), '{"second":true}');
    await checkout.install();
    assert.equal(checkout.calls(), 2);
  });

  it('are not taken for complete when the installation failed or was cut off', async () => {
    using checkout = new Checkout();
    checkout.npmDoes("fs.mkdirSync('node_modules'); process.exit(3);");
    assert.notEqual(await checkout.install(), 0);
    checkout.npmDoes("fs.mkdirSync('node_modules');");
    assert.equal(await checkout.install(), 0);
    assert.equal(checkout.calls(), 2);
    rmSync(join(checkout.root, 'node_modules'), { recursive: true });
    mkdirSync(join(checkout.root, 'node_modules'));
    assert.equal(await checkout.install(), 0);
    assert.equal(checkout.calls(), 3);
  });
});
