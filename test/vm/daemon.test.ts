/** The daemon under the real systemd: what it tells, how it ends, and what it needs to live. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { AgentVm, upgradeControlPlane } from './agent-vm.ts';
import type { Lab } from './lab/lab.ts';
import { startOwnLab } from './lab/mesh/control-plane.ts';
import { until } from './lab/until.ts';

const CONFIG = '/etc/smm/agent.yaml';
const RELEASES = '/opt/smm-agent/istio/releases';
const DOWNLOADS = '/var/cache/smm-agent';
const PACKAGE = /istio-sidecar\.deb$/;
const PATIENCE_MS = 60_000;
/** As the unit says; TimeoutStopSec is 10 s. */
const MOST_STOP_MS = 5_000;
/** 50 MB take longer than WatchdogSec at this speed. */
const SLOW_BYTES_PER_SECOND = 1_050_000;
const LONGER_THAN_WATCHDOG_MS = 41_000;

/** As a systemd before 246 does by chance: the sender has ended, and its message belongs to no unit. */
const LOSING_NOTIFY = `#!/bin/sh
count=$(cat /run/smm-agent/messages 2>/dev/null) || count=0
echo $((count + 1)) >/run/smm-agent/messages
[ $((count % 3)) != 0 ] || exit 0
exec /usr/bin/systemd-notify.real "$@"
`;

describe('smm-agent.service', () => {
  let lab: Lab;
  let end: () => Promise<void>;
  let vm: AgentVm;

  before(async () => {
    ({ lab, end } = await startOwnLab());
    vm = await AgentVm.make(lab, { name: 'daemon', version: '1.31.0', envoy: '1.39.3' });
    await vm.adopted();
  });
  after(async () => {
    await vm?.end();
    await end?.();
  });

  const show = async (property: string) => (await vm.machine.sh(`systemctl show -P ${property} smm-agent`)).trim();
  const since = async (cursor: string) =>
    vm.machine.sh(`journalctl --sync; journalctl --no-pager -o cat -u smm-agent --after-cursor='${cursor}'`);
  const cursor = async () =>
    (await vm.machine.sh('journalctl --show-cursor -n 0 -o cat -u smm-agent')).trim().replace('-- cursor: ', '');
  const requests = () => vm.downloads.requests().filter(({ path }) => PACKAGE.test(path)).length;

  /** Ends the daemon by SIGTERM, as systemd does, and returns what is left of it. */
  async function stopsInTime(phase: string): Promise<void> {
    const tookMs = Number(
      await vm.machine.sh('from=$(date +%s%N); systemctl stop smm-agent; echo $((($(date +%s%N) - from) / 1000000))'),
    );
    assert.equal(await show('Result'), 'success', phase);
    assert.ok(tookMs < MOST_STOP_MS, `${phase}: ${tookMs} ms`);
    assert.equal(await vm.machine.sh(`ls -A ${RELEASES} | grep '^\\.' || :`), '', `${phase}: nothing half is left`);
    assert.equal(await vm.machine.sh('ls /run/smm-agent/*.sock 2>/dev/null || :'), '', phase);
  }

  it('is ready within a second or so, and says in words what it is about', async () => {
    const times: number[] = [];
    for (let start = 0; start < 3; start += 1) {
      await vm.machine.sh('systemctl restart smm-agent');
      const [active, begun] = [
        await show('ActiveEnterTimestampMonotonic'),
        await show('ExecMainStartTimestampMonotonic'),
      ];
      times.push((Number(active) - Number(begun)) / 1000);
    }
    assert.ok(Math.min(...times) < 1_500, `ready after ${times} ms`);
    const text = () => show('StatusText');
    await until('the status in words', text, PATIENCE_MS, (seen) =>
      /^ready; Istio 1\.31\.0; no restart pending$/.test(seen),
    );
    assert.match(
      await vm.machine.sh('systemctl status smm-agent'),
      /Status: "ready; Istio 1\.31\.0; no restart pending"/,
    );
  });

  it('is confined as it is shipped, and can tell all the same whether a restart is pending', async () => {
    const verdict = await vm.machine.sh('systemd-analyze security --no-pager smm-agent.service | tail -n 1');
    const exposure = Number(/: (\d+\.\d)/.exec(verdict)?.[1]);
    assert.ok(exposure <= 2.4, verdict);
    const pid = await show('MainPID');
    // CAP_DAC_READ_SEARCH (2) and CAP_SYS_PTRACE (19), nothing else.
    assert.match(await vm.machine.readFile(`/proc/${pid}/status`), /^CapBnd:\s+0000000000080004$/m);
    assert.match(await vm.machine.readFile(`/proc/${pid}/status`), /^NoNewPrivs:\s+1$/m);
    assert.match(await vm.machine.readFile(`/proc/${pid}/status`), /^Seccomp:\s+2$/m);
    assert.equal((await vm.adopted()).restart.pending, 'no');
  });

  it('runs only once', async () => {
    const second = await vm.machine.exec(['smm-agent', 'run']);
    assert.equal(second.status, 75, 'another process holds the lock');
    assert.match(second.stderr, /another smm-agent runs on this machine \(SMM505\)/);
    assert.equal((await vm.status())?.agent.pid, Number(await show('MainPID')));
  });

  it('ends in time when it idles', () => stopsInTime('idle'));

  it('ends in time while the API server does not answer', async () => {
    await vm.machine.sh('systemctl start smm-agent');
    await vm.adopted();
    await vm.machine.sh('iptables -I OUTPUT -p tcp --dport 6443 -j DROP');
    try {
      const dropped = () => vm.machine.sh("iptables -nvxL OUTPUT | awk '/dpt:6443/ { print $1 }'");
      await until('a request without a response', dropped, PATIENCE_MS, (packets) => Number(packets) > 0);
      await stopsInTime('in a request');
    } finally {
      await vm.machine.sh('iptables -D OUTPUT -p tcp --dport 6443 -j DROP');
    }
    await vm.machine.sh('systemctl start smm-agent');
    await vm.until('it to be ready', ({ agent }) => agent.state === 'ready');
  });

  it('ends in time in a download, which goes on at the next start where it was', async () => {
    vm.downloads.setFaults([{ path: PACKAGE.source, kind: 'slow', bytesPerSecond: SLOW_BYTES_PER_SECOND }]);
    await vm.publish('1.31.1', '1.40.0');
    await upgradeControlPlane(lab, 'default', '1.31.1');
    const bytes = async () => Number(await vm.machine.sh(`cat ${DOWNLOADS}/*.part 2>/dev/null | wc -c`));
    await until('a part of the package', bytes, PATIENCE_MS, (seen) => seen > 1_000_000);
    await stopsInTime('in a download');
    assert.equal(await vm.machine.sh('readlink /opt/smm-agent/istio/staged || :'), '');
    const begun = await bytes();
    await vm.machine.sh('systemctl start smm-agent');
    await until('the rest of the package', bytes, PATIENCE_MS, (seen) => seen > begun);
    assert.match(vm.downloads.requests().findLast(({ path }) => PACKAGE.test(path))?.range ?? '', /^bytes=[1-9]/);
  });

  it('is not ended by its watchdog in a download that takes longer than WatchdogSec', async () => {
    const [pid, startMs] = [await show('MainPID'), performance.now()];
    assert.equal(await show('WatchdogUSec'), '30s');
    // At a terminal, one sees how far it is.
    const watching = await vm.machine.exec(['sh', '-c', 'timeout 3 script -qec "smm-agent reconcile" /dev/null || :']);
    assert.match(watching.stdout, /\d+ % of \d+\.\d MiB/);
    const isLong = () => performance.now() - startMs > LONGER_THAN_WATCHDOG_MS;
    await until('the watchdog to have had its chance', isLong, PATIENCE_MS);
    assert.equal(await vm.machine.sh(`ls ${DOWNLOADS} | grep -c part$`), '1\n', 'the download still goes on');
    assert.equal(await show('MainPID'), pid);
  });

  it('ends in time while it unpacks, and does not download again', async () => {
    const before = requests();
    const unpacking = () => vm.machine.sh(`ls -d ${RELEASES}/.new-*/bin/* ${RELEASES}/1.31.1-* 2>/dev/null || :`);
    await until('programs to be unpacked', unpacking, PATIENCE_MS);
    await stopsInTime('while it unpacks');
    vm.downloads.setFaults([]);
    await vm.machine.sh('systemctl start smm-agent');
    await vm.staged('1.31.1');
    assert.equal(requests(), before);
  });

  it('is ended by its watchdog when it hangs, and started again', async () => {
    const pid = await show('MainPID');
    await vm.machine.sh(`kill -STOP ${pid}`);
    await until(
      'another process',
      () => show('MainPID'),
      PATIENCE_MS,
      (seen) => seen !== pid && seen !== '0',
    );
    assert.match(await vm.journal(), /Watchdog timeout/);
    await vm.staged('1.31.1');
  });

  it('comes up, and stays up, where every third message to systemd is lost, the first one among them', async () => {
    await vm.machine.sh(`mv /usr/bin/systemd-notify /usr/bin/systemd-notify.real
      cat >/usr/bin/systemd-notify <<'END'\n${LOSING_NOTIFY}END
      chmod 755 /usr/bin/systemd-notify
      mkdir -p /run/systemd/system/smm-agent.service.d
      printf '[Service]\\nWatchdogSec=6\\n' >/run/systemd/system/smm-agent.service.d/lossy.conf
      systemctl daemon-reload; systemctl restart smm-agent`);
    try {
      const pid = await show('MainPID');
      const sent = () => vm.machine.sh('cat /run/smm-agent/messages');
      await until('messages for five times WatchdogSec', sent, 2 * PATIENCE_MS, (count) => Number(count) >= 40);
      assert.deepEqual(
        [await show('ActiveState'), await show('MainPID'), await show('NRestarts')],
        ['active', pid, '0'],
      );
    } finally {
      await vm.machine.sh(`mv /usr/bin/systemd-notify.real /usr/bin/systemd-notify
        rm -r /run/systemd/system/smm-agent.service.d; systemctl daemon-reload; systemctl restart smm-agent`);
    }
    await vm.until('it to be ready', ({ agent }) => agent.state === 'ready');
  });

  it('takes hold and unhold from the command line at once', async () => {
    const pid = await show('MainPID');
    const from = requests();
    const said = await vm.machine.sh('smm-agent hold');
    assert.match(said, /held now\n✓ nothing is staged any more: .*\nthe agent has read the configuration: held: /);
    await vm.until(
      'what was staged to be withdrawn',
      ({ agent, istio }) => agent.state === 'held' && istio.staged === null,
    );
    assert.equal((await vm.status())?.restart.pending, 'no');
    await until(
      'the status in words',
      () => show('StatusText'),
      PATIENCE_MS,
      (text) => text.startsWith('held: '),
    );
    await vm.machine.sh('smm-agent unhold');
    await vm.staged('1.31.1');
    assert.equal(requests(), from, 'without another download');
    assert.equal(await show('MainPID'), pid);
  });

  it('makes a turn for smm-agent reconcile beside it, and lets it follow', async () => {
    const { status, stdout } = await vm.machine.exec(['smm-agent', 'reconcile']);
    assert.equal(status, 0);
    assert.match(stdout, /^✓ istio\.service runs release 1\.31\.0-[0-9a-f]{12}; its next start uses /m);
    assert.match(stdout, /^✓ Istio 1\.31\.1 of revision default is wanted$/m);
    assert.match(stdout, /^ready: /m);
  });

  it('reads its configuration again on SIGHUP: JSON in the journal, and back', async () => {
    const [pid, from] = [await show('MainPID'), await cursor()];
    await vm.machine.sh(`printf 'log:\\n  format: json\\n' >> ${CONFIG} && systemctl reload smm-agent`);
    const reread = async () =>
      (await since(from)).split('\n').find((line) => line.startsWith('{') && line.includes('read the configuration'));
    const line = JSON.parse((await until('a line of JSON', reread, PATIENCE_MS)) ?? '');
    assert.equal(line.level, 'info');
    assert.ok(Number.isFinite(Date.parse(line.time)));
    await vm.machine.sh(`sed -i '/^log:/,$d' ${CONFIG} && systemctl reload smm-agent`);
    const back = async () => (await since(from)).includes('\nread the configuration again');
    await until('a plain line', back, PATIENCE_MS);
    assert.equal(await show('MainPID'), pid);
  });

  /** Not by -p: together with --after-cursor journalctl leaves the first line of that priority out. */
  const errorsSince = async (from: string) =>
    (await vm.machine.sh(`journalctl --sync; journalctl -o json -u smm-agent --after-cursor='${from}'`))
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as { PRIORITY: string; MESSAGE: string })
      .flatMap(({ PRIORITY, MESSAGE }) => (PRIORITY === '3' ? [MESSAGE] : []))
      .join('\n');
  const wrong = /agent\.yaml:\d+:1: .*"pol".*"poll"/;

  it('refuses to reload a configuration that is wrong, names the line, and goes on with the one before', async () => {
    const [pid, from] = [await show('MainPID'), await cursor()];
    await vm.machine.sh(`cp ${CONFIG} /root/right.yaml; printf 'pol:\n  schedule: x\n' >> ${CONFIG}`);
    const { status, stderr } = await vm.machine.exec(['systemctl', 'reload', 'smm-agent']);
    assert.equal(status, 1, stderr);
    await until(
      'a line of priority err',
      () => errorsSince(from),
      PATIENCE_MS,
      (said) => wrong.test(said),
    );
    const { agent } = await vm.until('the warning', ({ warnings }) => warnings.some((warning) => wrong.test(warning)));
    assert.equal(agent.state, 'ready');
    await until(
      'the status in words',
      () => show('StatusText'),
      PATIENCE_MS,
      (text) =>
        text.startsWith('agent.yaml has errors, and the previous configuration stays in effect: ') && wrong.test(text),
    );
    assert.equal(await show('MainPID'), pid);
    const held = await vm.machine.exec(['smm-agent', 'hold']);
    assert.deepEqual(
      [held.status, /^the agent cannot use the file, and continues with .* \(held: /m.test(held.stdout)],
      [0, true],
      'an emergency',
    );
    await vm.machine.sh('rm /var/lib/smm-agent/hold');
    await vm.machine.exec(['systemctl', 'reload', 'smm-agent']);
    await vm.staged('1.31.1');
  });

  it('stays up, idle and loud where it starts with a configuration that is wrong; commands end with 78', async () => {
    const [pid, from, istio] = [await show('MainPID'), await cursor(), await vm.istioProcesses()];
    await vm.machine.sh('systemctl restart smm-agent');
    assert.notEqual(await show('MainPID'), pid);
    const { agent } = await vm.until('it to be misconfigured', (status) => status.agent.state === 'misconfigured');
    const line = Number(await vm.machine.sh(`grep -n '^pol:' ${CONFIG} | cut -d: -f1`));
    assert.match(agent.reason, new RegExp(`agent\\.yaml:${line}:1: .*"pol".*"poll"`));
    await until(
      'the status in words',
      () => show('StatusText'),
      PATIENCE_MS,
      (text) => text.startsWith('misconfigured'),
    );
    assert.equal((await vm.machine.exec(['systemctl', 'is-active', 'smm-agent'])).stdout, 'active\n');
    await until(
      'a line of priority err',
      () => errorsSince(from),
      PATIENCE_MS,
      (said) => /^misconfigured: .*"pol"/m.test(said),
    );
    for (const command of [
      ['status'],
      ['reconcile'],
      ['reconcile', '--dry-run'],
      ['show-config'],
      ['adopt', '--render'],
    ]) {
      const outcome = await vm.machine.exec(['smm-agent', ...command]);
      assert.equal(outcome.status, 78, `${command.join(' ')}: ${outcome.stdout}${outcome.stderr}`);
    }
    assert.deepEqual(await vm.istioProcesses(), istio);
    await vm.machine.sh(`cp /root/right.yaml ${CONFIG}; systemctl reload smm-agent`);
    await vm.staged('1.31.1');
  });

  it('has needrestart leave Istio alone', async () => {
    const answer = await vm.machine.sh(`perl -e '
      our %nrconf; do "/etc/needrestart/conf.d/smm-agent.conf" // die $@ || $!;
      for my $name (qw(istio.service istio-other.service smm-agent.service)) {
        my @said = map { $nrconf{override_rc}{$_} } grep { $name =~ /$_/ } keys %{$nrconf{override_rc}};
        print "$name ", (@said ? $said[0] : "default"), "\\n";
      }'`);
    assert.deepEqual(answer.trim().split('\n'), [
      'istio.service 0',
      'istio-other.service default',
      'smm-agent.service default',
    ]);
  });
});
