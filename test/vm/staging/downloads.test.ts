/**
 * Download servers that are slow, broken, lying or gone, bad packages and full disks: what is said, and that nothing
 * else happens.
 */
import assert from 'node:assert/strict';
import { chmodSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { AgentVm, upgradeControlPlane } from '../agent-vm.ts';
import type { Lab } from '../lab/lab.ts';
import { startOwnLab } from '../lab/mesh/control-plane.ts';
import { type Fault, startDownloads } from '../lab/traffic/downloads.ts';
import { until } from '../lab/until.ts';

const LYING = {
  name: 'lying-version',
  mutate(folder: string): void {
    const path = join(folder, 'usr/local/bin/pilot-agent');
    writeFileSync(path, '#!/bin/sh\necho \'{"clientVersion": {"version": "1.30.9"}}\'\n');
    chmodSync(path, 0o755);
  },
};
const LACKING = {
  name: 'lacking-a-path',
  mutate: (folder: string) => rmSync(join(folder, 'usr/local/bin/istio-start.sh')),
};
const LINKED = {
  name: 'with-a-link',
  mutate: (folder: string) => symlinkSync('/etc/shadow', join(folder, 'usr/local/bin/extra')),
};

/** Says who takes a package apart, and what that one may do on this machine, and then does it. */
const WATCHED_DPKG_DEB = `#!/bin/sh
may=
for folder in /etc/smm /var/lib/smm-agent /var/lib/istio/envoy; do ls $folder >/dev/null 2>&1 && may="$may list:$folder"; done
for folder in /opt/smm-agent /etc/systemd/system /var/cache/smm-agent /usr/local/bin; do
  ( : >$folder/by-dpkg-deb ) 2>/dev/null && may="$may write:$folder"
done
ip -o link | grep -q eth0 && may="$may network"
grep -q '^CapBnd:[^0-9a-f]*0*$' /proc/self/status || may="$may capabilities"
logger -t taken-apart "$(id -u):$may"
exec /usr/bin/dpkg-deb.real "$@"
`;

describe('a machine that is to be upgraded', () => {
  let lab: Lab;
  let end: () => Promise<void>;
  let vm: AgentVm;
  let asFound: string[] = [];
  const sh = (script: string) => vm.machine.sh(script);
  const deb = '\\.deb$';

  before(async () => {
    ({ lab, end } = await startOwnLab());
    vm = await AgentVm.make(lab, { name: 'downloads', version: '1.31.0', envoy: '1.39.3' });
    await vm.adopted();
    await sh('mv /usr/bin/dpkg-deb /usr/bin/dpkg-deb.real');
    await vm.machine.writeFile('/usr/bin/dpkg-deb', WATCHED_DPKG_DEB);
    await sh('chmod 755 /usr/bin/dpkg-deb; dpkg-deb --version >/dev/null');
    asFound = await vm.istioProcesses();
    await upgradeControlPlane(lab, 'default', '1.31.1');
  });
  after(async () => {
    await vm?.end();
    await end?.();
  });

  const journalSince = async (before: string) => (await vm.journal()).slice(before.length).split('\n').filter(Boolean);
  const pollsOn = async () => {
    const at = Date.parse((await vm.status())?.at ?? '');
    await vm.until('another poll', (status) => Date.parse(status.at) >= at + 2_000);
  };

  /**
   * A failed try in every view, with nothing staged and Istio untouched; said once after this journal, and not tried
   * again at each poll.
   */
  const fails = async (sentence: RegExp, journal?: string, isRefusal = false): Promise<string> => {
    const before = journal ?? (await vm.journal());
    await sh('smm-agent retry || :');
    const { agent, istio, restart } = await vm.until(
      `a failure: ${sentence}`,
      (status) => status.agent.state === 'failing' && sentence.test(status.agent.reason),
    );
    assert.deepEqual([istio.staged, istio.running?.istioVersion, restart.pending], [null, '1.31.0', 'no']);
    // While a package is refused for what it holds, the digest is asked at each poll: another upload counts at once.
    const requests = () => vm.downloads.requests().filter(({ path }) => !isRefusal || /\.deb$/.test(path)).length;
    const asked = requests();
    await pollsOn();
    assert.equal(requests(), asked, 'no try before its time');
    assert.deepEqual(await vm.istioProcesses(), asFound);
    assert.deepEqual((await sh('ls /opt/smm-agent/istio/releases')).match(/^1\.31\.1/m), null);
    const lines = (await journalSince(before)).filter((line) => sentence.test(line));
    assert.ok(lines.length > 0 && lines.length <= 2, `the failed step and the state: ${lines.join('\n')}`);
    return agent.reason;
  };
  const faulty = (fault: Fault) => vm.downloads.setFaults([fault]);

  it('says that the version is not published, and how to have it tried again', async () => {
    // A poll may have met it before this test begins, and it is not said twice.
    const reason = await fails(/cannot find Istio 1\.31\.1 for amd64: it is not published at https:/, '');
    assert.match(reason, /tried once, not again before .* \(smm-agent retry tries at once\)/);
    await vm.condition('SmmAgent', 'False', /not published/);
  });

  it('waits as long as a busy server asks it to', async () => {
    await vm.publish('1.31.1', '1.40.0');
    faulty({ path: deb, kind: 'status', status: 503, headers: { 'retry-after': '900' } });
    const reason = await fails(/answers 503 and asks to wait 900 s/);
    const again = Date.parse(/again before (\S+)/.exec(reason)?.[1] ?? '');
    assert.ok(again > Date.now() + 800_000, reason);
  });

  it('refuses what has another digest, and a server that lies about the length', async () => {
    faulty({ path: deb, kind: 'wrong-bytes' });
    await fails(/its SHA-256 is [0-9a-f]{64}, wanted is [0-9a-f]{64}/);
    faulty({ path: deb, kind: 'length', bytes: 1_000_000 });
    await fails(/its SHA-256 is [0-9a-f]{64}, wanted is/);
    faulty({ path: deb, kind: 'length', bytes: 10_000_000_000 });
    await fails(/it is larger than 500 MB/);
  });

  it('does not wait for ever for a server that hangs', async () => {
    faulty({ path: '\\.sha256$', kind: 'hang' });
    await fails(/no data came for 20 s/);
  });

  it('refuses packages that lack a path, have a link, or say another version', async () => {
    await vm.publish('1.31.1', '1.40.0', LACKING);
    vm.downloads.setFaults([]);
    const reason = await fails(/it lacks \/usr\/local\/bin\/istio-start\.sh/, undefined, true);
    const again = Date.parse(/again before (\S+Z)/.exec(reason)?.[1] ?? '');
    assert.ok(again > Date.now() + 23 * 3_600_000, `only another upload changes that: ${reason}`);
    await vm.publish('1.31.1', '1.40.0', LINKED);
    await fails(/it has a link: .*extra.* -> .*\/etc\/shadow/, undefined, true);
    await vm.publish('1.31.1', '1.40.0', LYING);
    await fails(/the package for Istio 1\.31\.1: its pilot-agent says that it is 1\.30\.9/, undefined, true);
  });

  it('needs room for the download and for the release, says how much, and leaves the rest of the disk to others', async () => {
    await vm.publish('1.31.1', '1.40.0');
    await sh(
      'rm -f /var/cache/smm-agent/*; mount -t tmpfs -o size=30m none /var/cache/smm-agent; systemctl restart smm-agent',
    );
    await fails(/file system of \/var\/cache\/smm-agent: [\d.]+ MB are needed and [\d.]+ MB are free/);
    await sh('systemctl stop smm-agent; umount /var/cache/smm-agent');
    const releases = '/opt/smm-agent/istio/releases';
    await sh(`used=$(du -sm ${releases} | cut -f1); mkdir /mnt/small
      mount -t tmpfs -o "size=$((used + 100))m" none /mnt/small; cp -a ${releases}/. /mnt/small
      mount --bind /mnt/small ${releases}; systemctl start smm-agent`);
    await fails(/file system of \S+\/istio\/releases: [\d.]+ MB are needed and [\d.]+ MB are free/);
    await sh(`systemctl stop smm-agent; umount ${releases} /mnt/small; systemctl start smm-agent`);
  });

  it('takes up a download that broke off, from another server too when the first one has vanished', async () => {
    // Until the other server is set nothing is to be had here, when a wait for the failure before is over.
    faulty({ path: '\\.sha256$', kind: 'status', status: 503 });
    await sh('rm -f /var/cache/smm-agent/*');
    const vanishing = await startDownloads(lab, { tls: true });
    let isGone = false;
    try {
      await publishAt(vanishing);
      vanishing.setFaults([{ path: deb, kind: 'slow', bytesPerSecond: 5_000_000 }]);
      // Both wait for the turn that they begin, which is the download.
      await sh(`(smm-agent set istio.downloads ${vanishing.url}; smm-agent retry || :) >/dev/null 2>&1 &`);
      const size = () => sh('cat /var/cache/smm-agent/*.part 2>/dev/null | wc -c');
      await until('some of it to be here', async () => Number(await size()) > 5_000_000, 40_000);
      await vanishing.stop();
      isGone = true;
    } finally {
      if (!isGone) await vanishing.stop();
    }
    await vm.until(
      'it to say so',
      ({ agent }) => /cannot download .*(ECONNREFUSED|the connection broke)/.test(agent.reason),
      60_000,
    );
    assert.deepEqual(await vm.istioProcesses(), asFound);
    // The rest breaks off once more, and comes so slowly that the watchdog would bark if it took that for a hang.
    vm.downloads.setFaults([
      { path: deb, kind: 'cut', afterBytes: 5_000_000, times: 1 },
      { path: deb, kind: 'slow', bytesPerSecond: 1_200_000 },
    ]);
    const pid = await sh('systemctl show -P MainPID smm-agent');
    const asked = vm.downloads.requests().length;
    await sh(`(smm-agent set istio.downloads ${vm.downloads.url}; smm-agent retry || :) >/dev/null 2>&1 &`);
    await vm.until('it to be staged', ({ istio }) => istio.staged?.istioVersion === '1.31.1', 120_000);
    const ranges = vm.downloads
      .requests()
      .slice(asked)
      .flatMap(({ path, range }) => (path.endsWith('.deb') ? [range] : []));
    assert.equal(ranges.length, 2);
    const [first, second] = ranges.map((range) => Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1]));
    assert.ok(first !== undefined && second !== undefined && first > 5_000_000 && second > first, ranges.join());
    assert.equal(await sh('systemctl show -P MainPID smm-agent'), pid);
    assert.deepEqual(await vm.istioProcesses(), asFound);
  });

  it('has an upgrade in its journal in order, each line once, and nothing for polls that change nothing', async () => {
    vm.downloads.setFaults([]);
    await sh(`smm-agent set istio.downloads ${vm.downloads.url}`);
    await vm.publish('1.31.2', '1.40.0');
    const before = await vm.journal();
    await upgradeControlPlane(lab, 'default', '1.31.2');
    await vm.staged('1.31.2');
    await pollsOn();
    const lines = await journalSince(before);
    const expected = [
      /^the control plane names no Istio: .*(upgrade|rolled out|disagree)/,
      /^the control plane wants Istio 1\.31\.2 of revision default here istio=1\.31\.2 revision=default$/,
      /^staged Istio 1\.31\.2 of revision default; the running Istio was not touched step=stage$/,
      /^restart pending: Istio 1\.31\.0 to 1\.31\.2; to switch, run systemctl restart istio staged=1\.31\.2-\S+ since=\S+$/,
    ];
    const found = expected.map((line) => lines.findIndex((one) => line.test(one)));
    const [unsettled = -1, ...rest] = found;
    assert.ok(rest.every((at) => at >= 0) && unsettled < (rest[0] ?? 0), lines.join('\n'));
    assert.equal(new Set(lines).size, lines.length, lines.join('\n'));
    await sh('systemctl restart istio');
    await vm.running('1.31.2');
    await pollsOn();
    const after = await journalSince(before);
    // Nothing is pending from the switch on, which is before Envoy is up.
    const [pending = -1, none = -1, up = -1] = [
      /^restart pending/,
      /^no restart is pending$/,
      /^Istio 1\.31\.2 runs release=1\.31\.2-/,
    ].map((line) => after.findLastIndex((one) => line.test(one)));
    assert.ok(pending >= 0 && none > pending && up > pending, after.join('\n'));
  });

  it('has had each package taken apart by a user that may do nothing here', async () => {
    const [byHand = '', ...byTheAgent] = (await sh('journalctl -t taken-apart -o cat')).trim().split('\n');
    // The watch sees what root may do.
    assert.match(byHand, /^0: list:\/etc\/smm .*write:\/opt\/smm-agent .*network capabilities$/);
    assert.ok(byTheAgent.length >= 4, byTheAgent.join('\n'));
    for (const line of byTheAgent) assert.match(line, /^6[1-5][0-9]{3}:$/);
  });

  /** The real package at another server. */
  async function publishAt(server: typeof vm.downloads): Promise<void> {
    const { makeIstioDeb } = await import('../lab/parts/istio-package.ts');
    server.publish('1.31.1', await makeIstioDeb({ version: '1.31.1', envoy: '1.40.0' }));
  }
});
