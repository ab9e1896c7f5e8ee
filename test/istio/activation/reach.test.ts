/**
 * What another user than root can enter, tried by a program that runs as one: `nobody`, with the system's own setpriv.
 */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { pathsUnder } from '../../../src/base/paths.ts';
import { isRoot } from '../../../src/host/files/files.ts';
import { run } from '../../../src/host/programs/programs.ts';
import { ProxyReach } from '../../../src/istio/activation/reach.ts';

const NOBODY = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'] as const;

class Machine implements Disposable {
  /** Not in the folder for temporary files: it changes whenever another test makes one, and its changes count. */
  readonly paths = pathsUnder(mkdtempSync('/var/tmp/smm-reach-'));
  tries = 0;
  readonly reach = new ProxyReach(this.paths, (argv, options) => {
    this.tries += 1;
    return run([...NOBODY, ...argv], options);
  });

  constructor() {
    chmodSync(this.paths.root, 0o755);
    mkdirSync(this.paths.releases, { recursive: true });
  }

  at(path: string): string {
    return join(this.paths.root, path);
  }

  [Symbol.dispose](): void {
    rmSync(this.paths.root, { recursive: true, force: true });
  }
}

describe('the way of istio-proxy to the releases', { skip: isRoot() ? false : 'needs root' }, () => {
  it('is free where every folder can be entered', async () => {
    using machine = new Machine();
    assert.equal(await machine.reach.look(), null);
  });

  for (const folder of ['opt', 'opt/smm-agent', 'opt/smm-agent/istio', 'opt/smm-agent/istio/releases']) {
    it(`is barred by ${folder} with mode 0750, and by nothing once that is mended`, async () => {
      using machine = new Machine();
      chmodSync(machine.at(folder), 0o750);
      const finding = await machine.reach.look();
      assert.equal(finding?.file, machine.at(folder));
      assert.match(finding.text, /cannot be entered by istio-proxy \(mode 0750, owner 0:0\)/);
      assert.match(finding.remedy, /^chmod o\+x \S+, or setfacl/);
      chmodSync(machine.at(folder), 0o711);
      assert.equal(await machine.reach.look(), null);
    });
  }

  it('is seen before there is a release: the nearest folder that is there counts', async () => {
    using machine = new Machine();
    rmSync(machine.at('opt/smm-agent'), { recursive: true });
    chmodSync(machine.at('opt'), 0o700);
    assert.equal((await machine.reach.look())?.file, machine.at('opt'));
  });

  it('is barred where a link leads through a folder that cannot be entered', async () => {
    using machine = new Machine();
    mkdirSync(machine.at('data/opt/smm-agent/istio/releases'), { recursive: true });
    rmSync(machine.at('opt'), { recursive: true });
    symlinkSync('data/opt', machine.at('opt'));
    assert.equal(await machine.reach.look(), null);
    chmodSync(machine.at('data'), 0o700);
    assert.equal((await machine.reach.look())?.file, machine.at('data'));
  });

  it('is tried once, and again only when something about the folders changed', async () => {
    using machine = new Machine();
    for (let turn = 0; turn < 3; turn++) await machine.reach.look();
    assert.equal(machine.tries, 1);
    // The kernel's clock for files moves in ticks: what comes within the same one is no change that can be seen.
    const { ctimeMs } = statSync(machine.at('opt'));
    while (statSync(machine.at('opt')).ctimeMs === ctimeMs) chmodSync(machine.at('opt'), 0o755);
    await machine.reach.look();
    assert.equal(machine.tries, 2);
  });

  it('is judged by modes where nothing can be run as istio-proxy', async () => {
    using machine = new Machine();
    const reach = new ProxyReach(machine.paths, () => Promise.reject(new Error('no D-Bus here')));
    assert.equal(await reach.look(), null);
    chmodSync(machine.at('opt'), 0o750);
    const finding = await new ProxyReach(machine.paths, () => Promise.reject(new Error('no D-Bus'))).look();
    assert.match(finding?.text ?? '', /has mode 0750.*cannot try.*no D-Bus/);
  });
});
