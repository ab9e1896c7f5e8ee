import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { FolderMachine } from './machine.ts';

const DROP_IN = 'etc/systemd/system/istio.service.d/zz-smm-agent.conf';

/** Makes an adopted Istio: the drop-in, and an active release. */
function adopt(machine: FolderMachine): string {
  const release = machine.opt('istio/releases/1.31.0-0123456789ab');
  mkdirSync(join(release, 'bin'), { recursive: true });
  cpSync('/bin/sleep', join(release, 'bin/envoy'));
  symlinkSync('releases/1.31.0-0123456789ab', machine.opt('istio/active'));
  mkdirSync(dirname(join(machine.root, DROP_IN)), { recursive: true });
  writeFileSync(join(machine.root, DROP_IN), '[Service]\n');
  return release;
}

function leftovers(machine: FolderMachine): string[] {
  return globSync(['opt/smm-agent/**/*.new.*', 'opt/smm-agent/.files.*'], { cwd: machine.root });
}

describe('an installation', () => {
  it('puts a complete version, its runtime and the scripts into /opt', async () => {
    using machine = new FolderMachine();
    await machine.install('1.0.0');
    assert.equal(readlinkSync(machine.opt('current')), 'versions/1.0.0');
    assert.equal(readFileSync(machine.opt('current/smm-agent.js'), 'utf8'), 'version 1.0.0\n');
    assert.equal(statSync(machine.opt('current/node/bin/node')).mode & 0o7777, 0o755);
    const manifest = JSON.parse(readFileSync(machine.opt('current/release.json'), 'utf8'));
    assert.equal(manifest.version, '1.0.0');
    assert.equal(manifest.runtime, '24.0.0');
    for (const script of readdirSync(join(machine.root, 'usr/lib/smm-agent/payload/bin'))) {
      const expected = /\.(sh|awk)$/.test(script) ? 0o644 : 0o755;
      assert.equal(statSync(machine.opt('bin', script)).mode & 0o7777, expected, script);
    }
    assert.equal(existsSync(machine.opt('previous')), false);
    assert.deepEqual(leftovers(machine), []);
  });

  it('makes /opt/smm-agent unreadable for other users, because every user that can open it could lock it', async () => {
    using machine = new FolderMachine();
    await machine.install('1.0.0');
    assert.equal(statSync(machine.opt()).mode & 0o777, 0o711);
  });

  it('changes nothing when the same package is installed again', async () => {
    using machine = new FolderMachine();
    await machine.install('1.0.0');
    const before = statSync(machine.opt('current/smm-agent.js'), { bigint: true });
    await machine.install('1.0.0', '1.0.0');
    const after = statSync(machine.opt('current/smm-agent.js'), { bigint: true });
    assert.deepEqual([after.ino, after.ctimeNs], [before.ino, before.ctimeNs]);
    assert.equal(existsSync(machine.opt('previous')), false);
  });

  it('repairs damaged files, and removes temporary files of a killed installation', async () => {
    using machine = new FolderMachine();
    await machine.install('1.0.0');
    writeFileSync(machine.opt('current/smm-agent.js'), 'damaged');
    writeFileSync(machine.opt('current/smm-agent.js.new.1'), '');
    writeFileSync(machine.opt('bin/istio-activate'), '');
    writeFileSync(machine.opt('.files.1'), '');
    symlinkSync('versions/0', machine.opt('current.new.1'));
    rmSync(machine.opt('runtimes/24.0.0/release.json'));
    assert.equal(machine.script('postinst', 'configure', '1.0.0').status, 0);
    assert.equal(readFileSync(machine.opt('current/smm-agent.js'), 'utf8'), 'version 1.0.0\n');
    assert.notEqual(statSync(machine.opt('bin/istio-activate')).size, 0);
    assert.equal(existsSync(machine.opt('runtimes/24.0.0/release.json')), true);
    assert.deepEqual(leftovers(machine), []);
  });

  it('can be killed at any time and repeated', async () => {
    using machine = new FolderMachine();
    machine.unpack(await machine.build('1.0.0'));
    for (const ms of [1, 5, 10, 20, 40, 80]) {
      rmSync(machine.opt(), { recursive: true, force: true });
      const script = spawn(join(import.meta.dirname, '../../packaging/deb/postinst'), ['configure', ''], {
        env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', DPKG_ROOT: machine.root },
        stdio: 'ignore',
        detached: true,
      });
      const ended = once(script, 'exit');
      const timer = setTimeout(() => process.kill(-(script.pid ?? 0), 'SIGKILL'), ms);
      await ended;
      clearTimeout(timer);
      // A version with a release.json is complete.
      if (existsSync(machine.opt('versions/1.0.0/release.json'))) {
        assert.equal(readFileSync(machine.opt('versions/1.0.0/smm-agent.js'), 'utf8'), 'version 1.0.0\n');
      }
      if (existsSync(machine.opt('current'))) assert.equal(existsSync(machine.opt('current/node/bin/node')), true);
      assert.equal(machine.script('postinst', 'configure', '').status, 0);
      assert.equal(existsSync(machine.opt('current/release.json')), true);
      assert.deepEqual(leftovers(machine), []);
    }
  });

  it('accepts the arguments of an aborted upgrade or removal, and refuses unknown ones', async () => {
    using machine = new FolderMachine();
    await machine.install('1.0.0');
    for (const how of ['abort-upgrade', 'abort-remove', 'abort-deconfigure'])
      assert.equal(machine.script('postinst', how, '1.0.0').status, 0);
    assert.equal(machine.script('postinst', 'nonsense').status, 1);
    assert.equal(machine.script('prerm', 'nonsense').status, 1);
    assert.equal(machine.script('postrm', 'nonsense').status, 1);
  });
});

describe('the launcher', () => {
  it('runs the current version with unchanged arguments, and says what to do if there is none', async () => {
    using machine = new FolderMachine();
    await machine.install('1.0.0');
    const launcher = machine.opt('bin/smm-agent');
    const { stdout } = spawnSync(launcher, ['set', 'a b'], { encoding: 'utf8' });
    assert.equal(stdout.replace(/^(--\S+ )+/, ''), `${machine.opt('versions/1.0.0/smm-agent.js')} set a b\n`);
    rmSync(machine.opt('current'));
    const gone = spawnSync(launcher, ['run'], { encoding: 'utf8' });
    assert.equal(gone.status, 69);
    assert.match(
      gone.stderr,
      /what to do: systemctl restart smm-agent looks for another version; or install the package/,
    );
  });
});

describe('a package over a version that the agent has upgraded itself to', () => {
  /** Installs the package 1.0.0, and makes a version from the repository the current one. */
  async function upgradedItself(machine: FolderMachine, version: string): Promise<void> {
    await machine.install('1.0.0');
    cpSync(machine.opt('versions/1.0.0'), machine.opt('versions', version), {
      recursive: true,
      verbatimSymlinks: true,
    });
    rmSync(machine.opt('current'));
    symlinkSync(`versions/${version}`, machine.opt('current'));
    symlinkSync('versions/1.0.0', machine.opt('previous'));
  }
  const links = (machine: FolderMachine) => ['current', 'previous'].map((name) => readlinkSync(machine.opt(name)));
  const probation = (machine: FolderMachine, from: string, to: string) => {
    mkdirSync(join(machine.root, 'var/lib/smm-agent/agent'), { recursive: true });
    writeFileSync(join(machine.root, 'var/lib/smm-agent/agent/probation'), `id=1\nfrom=${from}\nto=${to}\n`);
  };

  it('keeps that version if the package is older, and says so', async () => {
    using machine = new FolderMachine();
    await upgradedItself(machine, '1.2.0');
    const { stdout } = await machine.install('1.1.0', '1.0.0');
    assert.match(stdout, /smm-agent 1\.2\.0 stays: .* this package brings 1\.1\.0, which is older/);
    assert.deepEqual(links(machine), ['versions/1.2.0', 'versions/1.0.0']);
    assert.deepEqual(
      readdirSync(machine.opt('versions')),
      ['1.0.0', '1.1.0', '1.2.0'],
      'the version of the package is installed too',
    );
  });

  it('keeps that version if the same package is installed again', async () => {
    using machine = new FolderMachine();
    await upgradedItself(machine, '1.2.0');
    assert.match((await machine.install('1.0.0', '1.0.0')).stdout, /smm-agent 1\.2\.0 stays/);
    assert.deepEqual(links(machine), ['versions/1.2.0', 'versions/1.0.0']);
  });

  it('replaces that version if the package is newer, says so, and keeps it as previous', async () => {
    using machine = new FolderMachine();
    await upgradedItself(machine, '1.2.0');
    const { stdout } = await machine.install('1.3.0', '1.0.0');
    assert.match(stdout, /smm-agent 1\.3\.0 of this package takes the place of 1\.2\.0/);
    assert.deepEqual(links(machine), ['versions/1.3.0', 'versions/1.2.0']);
  });

  it('replaces a prerelease by its release', async () => {
    using machine = new FolderMachine();
    await upgradedItself(machine, '1.1.0-rc.1');
    assert.match((await machine.install('1.1.0', '1.0.0')).stdout, /1\.1\.0 of this package takes the place/);
  });

  it('removes no version that a probation names, and makes no unconfirmed version the previous one', async () => {
    using machine = new FolderMachine();
    await upgradedItself(machine, '1.2.0');
    probation(machine, '1.0.0', '1.2.0');
    await machine.install('1.1.0', '1.0.0');
    assert.deepEqual(links(machine), ['versions/1.2.0', 'versions/1.0.0']);
    await machine.install('1.3.0', '1.1.0');
    assert.deepEqual(links(machine), ['versions/1.3.0', 'versions/1.0.0']);
    assert.equal(existsSync(machine.opt('versions/1.2.0/release.json')), true);
  });

  it('replaces a version that came with an earlier package even by an older one, as dpkg was told to', async () => {
    using machine = new FolderMachine();
    await machine.install('1.1.0');
    const { stdout } = await machine.install('1.0.0', '1.1.0');
    assert.deepEqual([stdout, ...links(machine)], ['', 'versions/1.0.0', 'versions/1.1.0']);
  });

  it('replaces a newer version that cannot start', async () => {
    using machine = new FolderMachine();
    await upgradedItself(machine, '1.2.0');
    rmSync(machine.opt('versions/1.2.0/smm-agent.js'));
    await machine.install('1.1.0', '1.0.0');
    assert.equal(readlinkSync(machine.opt('current')), 'versions/1.1.0');
  });
});

describe('an upgrade', () => {
  it('switches to the new version, and keeps the version before, which still runs', async () => {
    using machine = new FolderMachine();
    await machine.install('1.0.0');
    assert.equal(machine.script('prerm', 'upgrade', '1.1.0').status, 0);
    assert.equal(machine.script('postrm', 'upgrade', '1.1.0').status, 0);
    assert.equal(existsSync(machine.opt('current/smm-agent.js')), true);
    await machine.install('1.1.0', '1.0.0');
    assert.equal(readlinkSync(machine.opt('current')), 'versions/1.1.0');
    assert.equal(readlinkSync(machine.opt('previous')), 'versions/1.0.0');
    assert.equal(existsSync(machine.opt('previous/smm-agent.js')), true);
  });
});

describe('many upgrades', () => {
  it('leave only the current and the previous version, with their runtimes', async () => {
    using machine = new FolderMachine();
    for (const version of ['1.0.0', '1.1.0', '1.2.0']) await machine.install(version);
    mkdirSync(machine.opt('runtimes/20.0.0/bin'), { recursive: true });
    await machine.install('1.3.0', '1.2.0');
    assert.deepEqual(readdirSync(machine.opt('versions')).sort(), ['1.2.0', '1.3.0']);
    assert.deepEqual(readdirSync(machine.opt('runtimes')), ['24.0.0']);
    assert.equal(existsSync(machine.opt('previous/node/bin/node')), true);
  });
});

describe('a removal', () => {
  it('leaves only state and configuration if Istio was not adopted; a purge removes these too', async () => {
    using machine = new FolderMachine();
    await machine.install('1.0.0');
    writeFileSync(join(machine.root, 'etc/smm/agent.yaml'), '');
    assert.equal(machine.script('prerm', 'remove').status, 0);
    const removed = machine.script('postrm', 'remove');
    assert.equal(removed.status, 0, removed.stderr);
    assert.equal(removed.stdout, '');
    assert.equal(existsSync(machine.opt()), false);
    assert.equal(existsSync(join(machine.root, 'etc/smm/agent.yaml')), true);
    const purged = machine.script('postrm', 'purge');
    assert.equal(purged.status, 0, purged.stderr);
    assert.equal(existsSync(join(machine.root, 'etc/smm')), false);
    assert.equal(existsSync(join(machine.root, 'var/lib/smm-agent')), false);
  });

  it('leaves everything that an adopted Istio needs to run, stop and start, and says how to go back', async () => {
    using machine = new FolderMachine();
    await machine.install('1.0.0');
    const release = adopt(machine);
    const { status, stdout } = machine.script('postrm', 'remove');
    assert.equal(status, 0);
    assert.match(
      stdout,
      /systemctl stop istio\n.*rm .*zz-smm-agent\.conf\n.*daemon-reload\n.*systemctl start istio\n.*dpkg --purge/,
    );
    assert.equal(existsSync(join(release, 'bin/envoy')), true);
    assert.equal(existsSync(machine.opt('istio/active')), true);
    assert.equal(existsSync(machine.opt('bin/istio-activate')), true);
    assert.equal(existsSync(join(machine.root, DROP_IN)), true);
    assert.equal(existsSync(machine.opt('bin/smm-agent')), false);
    assert.equal(existsSync(machine.opt('versions')), false);
    // istio-switch reads this file: without an agent, no other release may start.
    assert.equal(existsSync(join(machine.root, 'var/lib/smm-agent/istio/hold')), true);
  });
});

describe('a purge', () => {
  it('is refused, with their names, while programs of a release run, and works after they have ended', async () => {
    using machine = new FolderMachine();
    await machine.install('1.0.0');
    const release = adopt(machine);
    const envoy = spawn(join(release, 'bin/envoy'), ['60'], { stdio: 'ignore' });
    await once(envoy, 'spawn');
    machine.script('postrm', 'remove');
    const refused = machine.script('postrm', 'purge');
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, new RegExp(`cannot be purged.*\n +${envoy.pid} ${join(release, 'bin/envoy')}\n`));
    assert.match(refused.stderr, /systemctl stop istio/);
    assert.equal(existsSync(join(release, 'bin/envoy')), true);
    assert.equal(existsSync(join(machine.root, DROP_IN)), true);
    // A program still runs after its file was deleted.
    rmSync(join(release, 'bin/envoy'));
    assert.equal(machine.script('postrm', 'purge').status, 1);
    envoy.kill('SIGKILL');
    await once(envoy, 'exit');
    const purged = machine.script('postrm', 'purge');
    assert.equal(purged.status, 0, purged.stderr);
    for (const path of ['opt/smm-agent', 'etc/smm', DROP_IN, 'var/lib/smm-agent', 'var/cache/smm-agent']) {
      assert.equal(existsSync(join(machine.root, path)), false, path);
    }
    assert.equal(machine.script('postrm', 'purge').status, 0);
  });

  it('removes the unit file that the agent kept for a removed Istio package, and no other unit file', async () => {
    for (const [text, stays] of [
      ['# Kept by smm-agent: the package was removed\n[Service]\n', false],
      ['[Service]\n', true],
    ] as const) {
      using machine = new FolderMachine();
      await machine.install('1.0.0');
      adopt(machine);
      const unit = join(machine.root, 'etc/systemd/system/istio.service');
      writeFileSync(unit, text);
      machine.script('postrm', 'remove');
      assert.equal(existsSync(unit), true, 'a removed agent leaves Istio startable');
      assert.equal(machine.script('postrm', 'purge').status, 0);
      assert.equal(existsSync(unit), stays);
    }
  });
});
