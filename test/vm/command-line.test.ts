/** The commands as an operator has them: the built package on a booted Debian, beside the daemon and without it. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { AgentVm, upgradeControlPlane } from './agent-vm.ts';
import type { Outcome } from './lab/host/run.ts';
import type { Lab } from './lab/lab.ts';
import { startOwnLab } from './lab/mesh/control-plane.ts';
import { until } from './lab/until.ts';

const NOBODY = 'setpriv --reuid=65534 --regid=65534 --clear-groups';
/** No poll comes in between: each turn is one that a command asked for. */
const SELDOM = '0 0 1 1 *';

describe('the command line', () => {
  let lab: Lab;
  let end: () => Promise<void>;
  let vm: AgentVm;

  before(async () => {
    ({ lab, end } = await startOwnLab());
    vm = await AgentVm.make(lab, { name: 'commands', version: '1.31.0', envoy: '1.39.3' });
    await vm.adopted();
    await vm.machine.sh(`smm-agent set poll.schedule '${SELDOM}'`);
  });
  after(async () => {
    await vm?.end();
    await end?.();
  });

  const type = (line: string): Promise<Outcome> => vm.machine.exec(['sh', '-c', line]);

  /** Both lines of an error: what cannot be done, and what to do. */
  async function fails(line: string, status: number, sentence: RegExp): Promise<void> {
    const ended = await type(line);
    assert.equal(ended.status, status, `${line}: ${ended.stdout}${ended.stderr}`);
    assert.match(ended.stderr, sentence);
    assert.match(ended.stderr, /^smm-agent: .*\(SMM\d{3}\)\n {2}what to do: .+\n$/s);
  }

  it('says of the adopted Istio what the daemon says, from outside of its sandbox', async () => {
    const { status, stdout } = await type('smm-agent pending');
    assert.deepEqual([status, stdout], [1, 'no restart is pending\n']);
    assert.match(
      (await type('smm-agent reconcile --dry-run')).stdout,
      /^running +1\.31\.0-[0-9a-f]{12}, of revision default$/m,
    );
  });

  it('tells other users what it can, and never "nothing is pending" for want of rights', async () => {
    for (const command of ['status', 'version', 'show-config']) {
      const { status, stdout } = await type(`${NOBODY} smm-agent ${command}`);
      assert.equal(status, 0, command);
      assert.doesNotMatch(stdout, /eyJ/, 'no token');
    }
    await fails(`${NOBODY} smm-agent pending`, 2, /other users cannot see what runs/);
    for (const command of ['reconcile', 'reconcile --dry-run', 'hold', 'set hold true', 'retry', 'restart-istio']) {
      await fails(`${NOBODY} smm-agent ${command}`, 77, /as this user/);
      const { stderr } = await type(`${NOBODY} smm-agent ${command}`);
      assert.ok(stderr.endsWith(`sudo smm-agent ${command}\n`), `${command}: a turn without a request: ${stderr}`);
    }
  });

  it('shows in a dry run what would be staged, and stages nothing', async () => {
    await vm.publish('1.31.1', '1.40.0');
    await upgradeControlPlane(lab, 'default', '1.31.1');
    const { status, stdout } = await type('smm-agent reconcile --dry-run');
    assert.equal(status, 0);
    assert.match(stdout, /^would +stage Istio 1\.31\.1 of revision default with the machine's own configuration/m);
    assert.equal((await type('smm-agent pending')).status, 1);
  });

  it('without a daemon makes the turn itself, with the progress of the download at a terminal', async () => {
    await vm.machine.sh('systemctl stop smm-agent');
    assert.match((await type('smm-agent status')).stdout, /^agent +\S+ not running \(systemctl start smm-agent\)/m);
    assert.match((await type('smm-agent version')).stdout, /^agent running +not running$/m);
    const { stdout } = await type("script -qec 'smm-agent reconcile' /dev/null");
    const percents = [...stdout.matchAll(/\[K {2}(\d+) % of [\d.]+ MiB/g)].map(([, percent]) => Number(percent));
    assert.ok(percents.length > 10 && percents.length <= 101, `${percents.length} updates`);
    assert.equal(percents.at(-1), 100);
    assert.match(stdout, /✓ staged Istio 1\.31\.1 of revision default; the running Istio was not touched/);
    const pending = await type('smm-agent pending');
    assert.equal(pending.status, 0);
    assert.match(
      pending.stdout,
      /^pending since \S+: Istio 1\.31\.0 to 1\.31\.1\nto switch: systemctl restart istio\n$/,
    );
  });

  it('beside the daemon asks that one, which stages once and not twice', async () => {
    await vm.machine.sh('systemctl start smm-agent');
    await vm.staged('1.31.1');
    const { status, stdout } = await type('smm-agent reconcile');
    assert.equal(status, 0);
    assert.match(stdout, /^✓ Istio 1\.31\.1 of revision default is wanted$/m);
    assert.match(stdout, /^ready: the wanted Istio is staged and waits for a restart$/m);
    assert.doesNotMatch(stdout, /staged Istio/);
    await fails('smm-agent run', 75, /another smm-agent runs/);
  });

  it('holds the machine, and lets it go again', async () => {
    assert.match((await type('smm-agent hold')).stdout, /^this machine is held now$/m);
    await vm.until('nothing to be staged', ({ agent, istio }) => agent.state === 'held' && istio.staged === null);
    assert.equal((await type('smm-agent pending')).status, 1);
    await type('smm-agent unhold');
    await vm.staged('1.31.1');
  });

  it('holds the machine also where other users hold locks: they can take no lock of the agent', async () => {
    const places = '/etc/smm /opt/smm-agent /run/smm-agent /var/lib/smm-agent /var/cache/smm-agent';
    // Everything that this user can open, for as long as the unit is there.
    await vm.machine.sh(`systemd-run -q --unit=locker --uid=65534 --gid=65534 sh -c '
      find ${places} -readable 2>/dev/null | { while read -r path; do flock "$path" sleep 600 & done; wait; }'
      until [ "$(pgrep -c -u 65534 flock)" -gt 3 ]; do sleep 0.1; done`);
    for (const lock of ['/run/smm-agent/config.lock', '/run/smm-agent/agent.sock.lock', '/opt/smm-agent']) {
      const { status, stderr } = await type(`${NOBODY} flock --wait 0 ${lock} true`);
      assert.deepEqual([status, /Permission denied/.test(stderr)], [66, true], `${lock}: ${stderr}`);
    }
    const before = Date.now();
    await vm.machine.sh('smm-agent hold && smm-agent unhold && smm-agent reconcile');
    assert.ok(Date.now() - before < 25_000, 'less than a lock is waited for');
    await vm.machine.sh('systemctl stop locker');
  });

  it('holds it also while the agent is dead: nothing is pending, since a restart does not switch', async () => {
    await vm.machine.sh('systemctl stop smm-agent');
    assert.equal((await type('smm-agent pending')).status, 0);
    assert.match((await type('smm-agent hold')).stdout, /the agent is not running: nothing is switched to meanwhile/);
    assert.equal((await type('smm-agent pending')).status, 1);
    assert.match((await type('smm-agent restart-istio')).stdout, /^Istio 1\.31\.0 of revision default runs/m);
    await type('smm-agent unhold');
    assert.equal((await type('smm-agent pending')).status, 0);
    await vm.machine.sh('systemctl start smm-agent');
    await vm.staged('1.31.1');
  });

  it('fails when another release came up than the staged one, and says why', async () => {
    // istio-switch does not switch to a rejected release; an agent that looked before would have withdrawn it.
    await vm.machine.sh(`systemctl stop smm-agent; cd /var/lib/smm-agent/istio && mkdir -p rejected
      printf 'reason=it ended at once\\ncount=1\\nat=%s\\n' "$(date +%s)" \\
        > "rejected/$(basename "$(readlink /opt/smm-agent/istio/staged)")"`);
    const sentence =
      /cannot run release 1\.31\.1-\S+: Istio came up as 1\.31\.0-\S+ instead: it ended at once \(SMM607\)/;
    await fails('smm-agent restart-istio', 1, sentence);
    await vm.machine.sh('rm -r /var/lib/smm-agent/istio/rejected; systemctl start smm-agent');
    await vm.staged('1.31.1');
  });

  it("restores istiod's line in /etc/hosts while Istio runs, and says so, in a mount of its own too", async () => {
    const line = (await vm.machine.sh("grep -m 1 -o '.*istiod[^ ]*' /etc/hosts")).trim();
    const envoy = await vm.machine.sh('pgrep -x envoy');
    // A file of others that is mounted there, as in containers: rename says EBUSY.
    const mounted = 'cp /etc/hosts /root/hosts && mount --bind /root/hosts /etc/hosts';
    for (const prepare of [':', mounted]) {
      await vm.machine.sh(`${prepare}; grep -v istiod /etc/hosts >/root/without; cat /root/without >/etc/hosts`);
      assert.match((await type('smm-agent reconcile')).stdout, /restored "[^"]*istiod/);
      const expected = `${await vm.machine.readFile('/root/without')}${line} # smm-agent\n`;
      assert.equal(await vm.machine.readFile('/etc/hosts'), expected);
      assert.match(await vm.machine.sh('journalctl -u smm-agent -o cat --no-pager | tail -n 20'), /restored .*istiod/);
    }
    // Where that cannot be done, the agent does not say that it is ready.
    await vm.machine.sh('cat /root/without >/etc/hosts && mount -o remount,ro,bind /etc/hosts');
    assert.notEqual((await type('smm-agent reconcile')).status, 0);
    await vm.until('the failure', ({ agent }) => agent.state === 'failing' && agent.reason.includes(line));
    await vm.machine.sh('mount -o remount,rw,bind /etc/hosts && smm-agent retry');
    await vm.until('the line', ({ agent }) => agent.state === 'ready');
    await vm.machine.sh('umount /etc/hosts');
    assert.equal(await vm.machine.sh('pgrep -x envoy'), envoy, 'Istio was not touched');
  });

  it('restarts Istio, waits for Envoy, and says what runs', async () => {
    const { status, stdout } = await type('smm-agent restart-istio --if-pending');
    assert.equal(status, 0);
    assert.match(stdout, /^Istio 1\.31\.1 of revision default runs \(1\.31\.1-[0-9a-f]{12}\)$/m);
    assert.match((await vm.envoy()) ?? '', /releases\/1\.31\.1-[0-9a-f]{12}\/bin\/envoy$/, 'it runs already');
    assert.match((await type('smm-agent status')).stdout, /^running +Istio 1\.31\.1 /m, 'and the agent has seen it');
    assert.match(
      (await type('smm-agent restart-istio --if-pending')).stdout,
      /^no restart is pending: nothing was done$/m,
    );
    await vm.running('1.31.1');
    const versions = (await type('smm-agent version')).stdout;
    assert.equal(versions.match(/^(agent|istio) (running|installed|staged|wanted) +\d/gm)?.length, 4);
    assert.match(versions, /^istio staged +nothing$/m);
    assert.match(versions, /^agent wanted +none$/m);
  });

  it('names a masked unit, and what to run first', async () => {
    await vm.machine.sh('systemctl mask istio');
    await fails('smm-agent restart-istio', 1, /cannot restart istio\.service: it is masked.*unmask istio first/s);
    await vm.machine.sh('systemctl unmask istio');
  });

  it('does not go through an Envoy that hangs', async () => {
    await vm.machine.sh('pkill -STOP -x envoy');
    const { status, stdout, stderr } = await type('smm-agent reconcile --dry-run');
    await vm.machine.sh('pkill -CONT -x envoy');
    assert.equal(status, 0, stdout + stderr);
  });

  it('fails with what to do when the control plane refuses the token', async () => {
    await vm.machine.sh('cp /etc/smm/credentials/token /root/token; echo none | smm-agent set bearer-token -');
    await fails('smm-agent reconcile', 69, /the API server refused the token/);
    await vm.machine.sh('smm-agent set bearer-token - < /root/token');
    assert.equal((await type('smm-agent reconcile')).status, 0);
  });

  it('fails when a release cannot be had, and retry tries at once', async () => {
    await upgradeControlPlane(lab, 'default', '1.31.9');
    await fails('smm-agent reconcile', 1, /cannot find Istio 1\.31\.9 for amd64/);
    const retried = await type('smm-agent retry');
    assert.match(retried.stdout, /^forgot: stage 1\.31\.9 from /m);
    assert.match(retried.stdout, /^✗ cannot find Istio 1\.31\.9/m);
    await upgradeControlPlane(lab, 'default', '1.31.1');
    assert.equal((await type('smm-agent retry')).status, 0);
  });

  it('names line and nearest key of a wrong configuration, and the daemon stays up with it', async () => {
    await vm.machine.sh("cp /etc/smm/agent.yaml /root/agent.yaml; echo 'holds: true' >> /etc/smm/agent.yaml");
    for (const command of ['show-config', 'reconcile', 'reconcile --dry-run', 'set hold true']) {
      await fails(`smm-agent ${command}`, 78, /agent\.yaml:\d+:1: unknown key "holds": did you mean "hold"\?/);
    }
    await vm.machine.sh('systemctl restart smm-agent');
    await vm.until('to be misconfigured', ({ agent }) => agent.state === 'misconfigured');
    const shown = () => vm.machine.sh('systemctl status smm-agent');
    const misconfigured = /Status: "misconfigured: .*unknown key/;
    await until('systemd to show it', shown, 20_000, (text) => misconfigured.test(text));
    assert.equal((await type('smm-agent pending')).status, 1, 'what runs can be told all the same');
    await vm.machine.sh('cp /root/agent.yaml /etc/smm/agent.yaml; systemctl reload smm-agent');
    await vm.until('to be ready', ({ agent }) => agent.state === 'ready');
  });
});
