/**
 * What a machine says of itself on its WorkloadEntry and in its Lease, while istiod, an operator and the API server
 * interfere.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { packageJson } from '../../../scripts/project.ts';
import { AgentVm, upgradeControlPlane } from '../agent-vm.ts';
import type { Lab } from '../lab/lab.ts';
import { BACKEND_PORT } from '../lab/machine/mesh-files.ts';
import { startOwnLab } from '../lab/mesh/control-plane.ts';
import type { KubeObject } from '../lab/mesh/kube.ts';
import { until } from '../lab/until.ts';
import { EntryHistory, healthy, own } from './entry-history.ts';

const NEVER = '0 0 1 1 *';
const OFTEN = '*/2 * * * * *';
const PATIENCE_MS = 60_000;
const ENTRY_DELETED_AFTER_MS = 10_000;

describe('the report of a machine', () => {
  let lab: Lab;
  let end: () => Promise<void>;
  let vm: AgentVm;

  before(async () => {
    ({ lab, end } = await startOwnLab());
    vm = await AgentVm.make(lab, { name: 'report', version: '1.31.0', envoy: '1.39.3' });
    await vm.adopted();
  });
  after(async () => {
    await vm?.end();
    await end?.();
  });

  const codes = async () => own(await vm.entry()).messages.map(({ type }) => type.code);
  const messages = (wanted: string[]) =>
    until(`the messages [${wanted}]`, codes, PATIENCE_MS, (seen) => seen.join() === wanted.join());
  const group = () => `/apis/networking.istio.io/v1/namespaces/${vm.namespace}`;
  const mainPid = async () => (await vm.machine.sh('systemctl show -P MainPID smm-agent')).trim();
  const healthIs = (status: string) =>
    until(
      `istiod to say Healthy=${status}`,
      async () => healthy(await vm.entry())?.status,
      PATIENCE_MS,
      (seen) => seen === status,
    );
  /** The Lease, once its annotations say this. */
  const lease = (annotation: string, value: string) =>
    until(
      `the Lease to say ${annotation}=${value}`,
      async () => {
        const path = `/apis/coordination.k8s.io/v1/namespaces/${vm.namespace}/leases`;
        const { items } = await lab.kube.kube('GET', path);
        return items.find(({ metadata }: KubeObject) => metadata.name.startsWith('smm-agent-report-'));
      },
      PATIENCE_MS,
      (one: KubeObject) => one?.metadata.annotations[`smm-agent.io/${annotation}`] === value,
    );

  it('is two conditions beside those of istiod, and a Lease', async () => {
    const pending = await vm.condition(
      'IstioRestartPending',
      'False',
      /Istio 1\.31\.0 runs, and nothing else is staged/,
    );
    assert.equal(pending.reason, 'UpToDate');
    assert.match(pending.lastTransitionTime, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    const agent = await vm.condition(
      'SmmAgent',
      'True',
      new RegExp(`smm-agent ${packageJson().version}, Istio running 1\\.31\\.0`),
    );
    assert.equal(agent.reason, 'Ready');
    await healthIs('True');
    assert.deepEqual(await codes(), []);
    const { metadata, spec } = await lease('istio-running', '1.31.0');
    assert.match(metadata.name, /^smm-agent-report-[0-9a-f]{8}$/);
    assert.equal(metadata.annotations['smm-agent.io/restart-pending'], 'no');
    assert.match(spec.holderIdentity, new RegExp(`@${vm.machine.address}$`));
  });

  it('leaves Healthy to istiod while the workload goes down and comes back, and the agent reports at the same time', async () => {
    using history = await new EntryHistory().start(vm);
    const stages = ['stop', 'start', 'stop', 'start'];
    for (const [index, verb] of stages.entries()) {
      await vm.machine.sh(`systemctl ${verb} lab-backend@${BACKEND_PORT}`);
      // Each changes the sentence of SmmAgent, so that both write within the same seconds.
      await vm.machine.sh(`smm-agent ${index % 2 === 0 ? 'hold' : 'unhold'}`);
      await vm.condition('SmmAgent', 'True', index % 2 === 0 ? /held/ : /the wanted Istio runs/);
      await healthIs(verb === 'stop' ? 'False' : 'True');
    }
    const counted = () => ({ healthy: history.changesOfHealth(), reports: history.reports() });
    const isAll = (seen: ReturnType<typeof counted>) => seen.healthy >= 4 && seen.reports >= 4;
    await until('the watcher to have seen four of each', counted, PATIENCE_MS, isAll);
    history.assertHealthyNeverLost();
  });

  it('is written again within seconds after istiod deleted the entry and made it again', async () => {
    await vm.machine.sh(`smm-agent set poll.schedule '${NEVER}'`);
    using history = await new EntryHistory().start(vm);
    await vm.machine.sh('systemctl stop istio');
    await until(
      'istiod to delete the entry',
      () => vm.entry(),
      PATIENCE_MS,
      (entry) => entry === undefined,
    );
    await vm.until('Istio to be stopped', ({ istio }) => istio.stopped?.by.includes('stop') === true);
    await vm.machine.sh('systemctl start istio');
    await healthIs('True');
    await until(
      'the report',
      () => history.reportedAfterMs(),
      PATIENCE_MS,
      (ms) => ms !== null,
    );
    assert.ok((history.reportedAfterMs() ?? Infinity) < 15_000, `reported after ${history.reportedAfterMs()} ms`);
    await vm.condition('IstioRestartPending', 'False', /1\.31\.0 runs/);
    history.assertHealthyNeverLost();
  });

  it('is there after restarts that end when istiod is about to delete the entry of the old connection', async () => {
    for (const pauseSeconds of [0, 8.5, 9.5]) {
      using history = await new EntryHistory().start(vm);
      // Envoy drains first: the connection ends with the stop.
      await vm.machine.sh('systemctl stop istio');
      const stoppedMs = performance.now();
      await vm.machine.sh(`sleep ${pauseSeconds}; systemctl start istio`);
      // Until then it can be the old one, which still has the old report.
      const isOld = () => performance.now() - stoppedMs < ENTRY_DELETED_AFTER_MS + 3_000;
      await until(
        `the report after a pause of ${pauseSeconds} s`,
        async () => (isOld() ? null : await vm.entry()),
        PATIENCE_MS,
        (entry) => own(entry).conditions.length === 2 && healthy(entry)?.status === 'True',
      );
      history.assertHealthyNeverLost();
    }
    await vm.machine.sh(`smm-agent set poll.schedule '${OFTEN}'`);
    await vm.condition('IstioRestartPending', 'False', /1\.31\.0 runs/);
  });

  it('has the validation error SMM0001 while a restart is pending, and says all that an operator needs', async () => {
    await vm.publish('1.31.1', '1.40.0');
    await upgradeControlPlane(lab, 'default', '1.31.1');
    await vm.staged('1.31.1');
    await messages(['SMM0001']);
    assert.deepEqual(own(await vm.entry()).messages[0], {
      type: { name: 'IstioRestartPending', code: 'SMM0001' },
      level: 'ERROR',
      documentationUrl: 'file:///usr/share/doc/smm-agent/docs/operating.md',
    });
    const { message } = await vm.condition('IstioRestartPending', 'True');
    assert.match(
      message,
      /^Istio 1\.31\.0 to 1\.31\.1: running 1\.31\.0, staged 1\.31\.1 since \d{4}-\S+Z\. To switch: systemctl restart istio$/,
    );
  });

  it('has a warning instead, when the operator asks for one', async () => {
    await vm.machine.sh('smm-agent set report.validationLevel WARNING');
    const level = async () => own(await vm.entry()).messages.map((one) => one.level);
    await until('the level WARNING', level, PATIENCE_MS, (levels) => levels.join() === 'WARNING');
    const { metadata } = await lease('restart-pending', 'yes');
    assert.equal(metadata.annotations['smm-agent.io/istio-staged'], '1.31.1');
    await vm.machine.sh('smm-agent set report.validationLevel ERROR');
    await until('the level ERROR', level, PATIENCE_MS, (levels) => levels.join() === 'ERROR');
  });

  it('is on an entry that was made by hand, by the label of its group', async () => {
    const automatic = `${vm.group}-${vm.machine.address}`;
    await lab.kube.kube('DELETE', `${group()}/workloadentries/${automatic}`);
    await vm.until('the entry to be missed', ({ warnings }) => warnings.some((one) => one.includes('not reported')));
    await lab.kube.applyObjects([
      {
        apiVersion: 'networking.istio.io/v1',
        kind: 'WorkloadEntry',
        metadata: { name: 'by-hand', namespace: vm.namespace, labels: { 'smm-agent.io/workload-group': vm.group } },
        spec: { address: vm.machine.address, labels: { app: vm.group }, serviceAccount: vm.group },
      },
    ]);
    const byHand = async () => own(await lab.kube.kube('GET', `${group()}/workloadentries/by-hand`));
    await until(
      'the report',
      byHand,
      PATIENCE_MS,
      ({ conditions, messages: said }) => conditions.length === 2 && said.length === 1,
    );
    await lab.kube.kube('DELETE', `${group()}/workloadentries/by-hand`);
  });

  it('loses its messages once Istio was restarted into what was staged', async () => {
    using history = await new EntryHistory().start(vm);
    await vm.machine.sh('systemctl restart istio');
    await vm.running('1.31.1');
    await healthIs('True');
    await vm.condition('IstioRestartPending', 'False', /1\.31\.1 runs/);
    await messages([]);
    history.assertHealthyNeverLost();
  });

  it('names the right that was taken away, in status and journal, once', async () => {
    const binding = `/apis/rbac.authorization.k8s.io/v1/namespaces/${vm.namespace}/rolebindings/smm-agent-${vm.group}`;
    const { metadata, ...saved } = await lab.kube.kube('GET', binding);
    const role = `/apis/rbac.authorization.k8s.io/v1/namespaces/${vm.namespace}/roles/smm-agent-${vm.group}`;
    const { rules, ...rest } = await lab.kube.kube('GET', role);
    const withoutPatch = rules.filter(({ resources }: KubeObject) => !resources.includes('workloadentries/status'));
    await lab.kube.kube('PUT', role, {
      ...rest,
      metadata: { ...rest.metadata, resourceVersion: undefined },
      rules: withoutPatch,
    });
    const [token, entry] = [
      await lab.kube.mintToken(vm.namespace, `smm-agent-${vm.group}`),
      `${vm.group}-${vm.machine.address}`,
    ];
    await until(
      'the right to be gone',
      async () =>
        (
          await lab.kube.ask('PATCH', `${group()}/workloadentries/${entry}/status?dryRun=All`, [], {
            token,
            contentType: 'application/json-patch+json',
          })
        ).status,
      PATIENCE_MS,
      (status) => status === 403,
    );
    await vm.machine.sh('smm-agent hold');
    const refused = /cannot report: cannot patch .*workloadentries.*forbidden/;
    await vm.until('the warning', ({ warnings }) => warnings.some((one) => refused.test(one)));
    await turns(4);
    const lines = (await vm.journal()).split('\n').filter((line) => refused.test(line));
    assert.equal(lines.length, 1, lines.join('\n'));

    await lab.kube.kube('DELETE', binding);
    // In the middle of a turn it can be another right that is the first to be missed.
    const missed = /cannot get namespaces "vm-apps": forbidden.*apply the manifests/;
    const forbidden = await vm.until(
      'the target to be forbidden',
      ({ target }) => target.answer === 'forbidden' && missed.test(target.reason ?? ''),
    );
    assert.equal(forbidden.restart.pending, 'no', 'what is pending is known without the control plane');

    const { name, namespace } = metadata;
    await lab.kube.applyObjects([
      { ...saved, metadata: { name, namespace } },
      { ...rest, metadata: { name: rest.metadata.name, namespace }, rules },
    ]);
    await vm.until('all to be well', ({ target, warnings }) => target.answer === 'wanted' && warnings.length === 0);
    await vm.condition('SmmAgent', 'True', /held/);
    await vm.machine.sh('smm-agent unhold');
    await vm.condition('SmmAgent', 'True', /the wanted Istio runs/);
  });

  it('goes on with another token, put in place beside the running agent', async () => {
    const pid = await mainPid();
    await vm.machine.sh("printf 'not-a-token-of-this-cluster' | smm-agent set bearer-token -");
    const refused = await vm.until('the token to be refused', ({ target }) => target.answer === 'forbidden');
    assert.match(refused.target.reason ?? '', /refused the token.*smm-agent set bearer-token -/);
    const token = await lab.kube.mintToken(vm.namespace, `smm-agent-${vm.group}`);
    const said = await vm.machine.sh('smm-agent set bearer-token - && smm-agent show-config', { input: `${token}\n` });
    await vm.until('the target to be known', ({ target }) => target.answer === 'wanted');
    assert.equal(await mainPid(), pid, 'without a restart');
    assert.equal((await vm.machine.sh('stat -c %a /etc/smm/credentials/token')).trim(), '600');
    for (const text of [said, await vm.journal()]) assert.ok(!text.includes(token) && !text.includes('not-a-token'));
  });

  it('says once that the API server is gone, and comes back with it', async () => {
    const [pid, istio] = [await mainPid(), await vm.istioProcesses()];
    const begun = (await vm.machine.sh('date +%s')).trim();
    const logged = async () =>
      (await vm.machine.sh(`journalctl --sync; journalctl -o cat -p warning -u smm-agent -S @${begun}`))
        .trim()
        .split('\n');
    await lab.stopApiServer('SIGKILL');
    await vm.until('the API server to be missed', ({ target }) => target.answer === 'unreachable');
    await turns(2);
    const early = await logged();
    const { restart, target } = await turns(5);
    assert.match(target.reason ?? '', /no connection to https:\/\/10\.77\.0\.1:6443/);
    assert.equal(restart.pending, 'no');
    assert.deepEqual(await logged(), early, 'said once, not at each poll');
    assert.ok(
      early.some((line) => line.startsWith('the control plane names no Istio:')),
      early.join('\n'),
    );
    await lab.startApiServer();
    await vm.until('all to be well', (status) => status.target.answer === 'wanted' && status.agent.state === 'ready');
    assert.deepEqual([await mainPid(), await vm.istioProcesses()], [pid, istio]);
    await vm.condition('SmmAgent', 'True');
  });

  it('has SMM0002 too when the revision that runs is gone from the cluster', async () => {
    await upgradeControlPlane(lab, 'canary', '1.31.1');
    const labels = { metadata: { labels: { 'istio-injection': null, 'istio.io/rev': 'canary' } } };
    await lab.kube.kube('PATCH', `/api/v1/namespaces/${vm.namespace}`, labels, 'application/merge-patch+json');
    await vm.until('canary to be staged', ({ istio }) => istio.staged?.revision === 'canary');
    await messages(['SMM0001']);
    await lab.kube.kube('DELETE', '/apis/apps/v1/namespaces/istio-system/deployments/istiod');
    await messages(['SMM0001', 'SMM0002']);
    await vm.machine.sh('systemctl restart istio');
    await vm.until(
      'canary to run',
      ({ istio, restart }) => istio.running?.revision === 'canary' && restart.pending === 'no',
    );
    await messages([]);
  });

  /** So many turns of the agent later. */
  async function turns(count: number) {
    let last = (await vm.status())?.at;
    for (let turn = 0; turn < count; turn += 1) last = (await vm.until('a turn', ({ at }) => at !== last)).at;
    return vm.until('a status', () => true);
  }
});
