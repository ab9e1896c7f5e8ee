/** A machine that reaches nothing but a proxy: Debian's tinyproxy, by CONNECT, for downloads and for the API server. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { AgentVm, upgradeControlPlane } from '../agent-vm.ts';
import type { Lab } from '../lab/lab.ts';
import { startOwnLab } from '../lab/mesh/control-plane.ts';
import { until } from '../lab/until.ts';

const PATIENCE_MS = 60_000;
const PROXY = '127.0.0.1:8888';

describe('a machine behind a proxy', () => {
  let lab: Lab;
  let end: () => Promise<void>;
  let vm: AgentVm;
  const sh = (script: string) => vm.machine.sh(script);
  const connects = async () =>
    [...(await sh('cat /var/log/tinyproxy.log')).matchAll(/CONNECT (\S+) HTTP/g)].map(([, to]) => to);
  const startProxy = () => sh('systemd-run --quiet --unit=proxy tinyproxy -d -c /etc/tinyproxy.conf');

  before(async () => {
    ({ lab, end } = await startOwnLab({ istiods: ['default'] }));
    vm = await AgentVm.make(lab, { name: 'proxied' });
    await vm.adopted();
    const ports = [lab.state.server.url, vm.downloads.url].map((url) => `ConnectPort ${new URL(url).port}\n`);
    await vm.machine.writeFile(
      '/etc/tinyproxy.conf',
      `Port 8888\nListen 127.0.0.1\nLogFile "/var/log/tinyproxy.log"\nLogLevel Connect\n${ports.join('')}`,
    );
    await startProxy();
    await sh('iptables -I OUTPUT -m owner --gid-owner smm-agent ! -o lo -p tcp -j REJECT');
  });
  after(async () => {
    await vm?.end();
    await end?.();
  });

  it('reaches nothing by itself', async () => {
    await vm.until('the API server to be missed', ({ target }) => target.answer === 'unreachable', PATIENCE_MS);
  });

  it('reaches the API server by the proxy once that is set, and not before', async () => {
    await sh(`smm-agent set proxy.https http://${PROXY}`);
    assert.equal((await vm.reconciled()).target.answer, 'unreachable');
    assert.deepEqual(await connects(), []);
    await sh('smm-agent set proxy.controlPlane true');
    await vm.until('the target', ({ target }) => target.answer === 'wanted', PATIENCE_MS);
    assert.ok((await connects()).includes(new URL(lab.state.server.url).host));
  });

  it('downloads by it, stages, and reports', async () => {
    await vm.publish('1.31.1', '1.40.0');
    await upgradeControlPlane(lab, 'default', '1.31.1');
    await vm.staged('1.31.1');
    await vm.condition('IstioRestartPending', 'True', /1\.31\.1/);
    assert.ok((await connects()).includes(new URL(vm.downloads.url).host));
  });

  it('says that the proxy is what is missing, and goes on once it is there', async () => {
    await sh('systemctl stop proxy');
    const { target } = await vm.until(
      'the proxy to be missed',
      (status) => status.target.answer === 'unreachable',
      PATIENCE_MS,
    );
    assert.match(target.reason ?? '', /no connection to the proxy http:\/\/127\.0\.0\.1:8888 \(ECONNREFUSED\)/);
    await startProxy();
    await vm.until('the target', (status) => status.target.answer === 'wanted', PATIENCE_MS);
  });

  it('goes by itself to what proxy.no names', async () => {
    await sh(`iptables -D OUTPUT -m owner --gid-owner smm-agent ! -o lo -p tcp -j REJECT
      systemctl stop proxy
      smm-agent set proxy.no ${new URL(lab.state.server.url).hostname}`);
    await until(
      'the target',
      () => vm.reconciled(),
      PATIENCE_MS,
      ({ target }) => target.answer === 'wanted',
    );
  });
});
