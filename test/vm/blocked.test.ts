/**
 * What an operator's files can say that would defeat a release: named with file and line, and nothing is done until it
 * is gone.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { AgentVm } from './agent-vm.ts';
import { openLab } from './lab/lab.ts';

const FOLDER = '/etc/systemd/system/istio.service.d';
const OVERRIDE = `${FOLDER}/override.conf`;
const LATER = `${FOLDER}/zzz-later.conf`;
const ENV_FILE = '/etc/default/istio';
const CLUSTER_ENV = '/var/lib/istio/envoy/cluster.env';

describe('a machine whose Istio cannot be adopted yet', () => {
  const lab = openLab();
  let vm: AgentVm;
  const sh = (script: string) => vm.machine.sh(script);

  before(async () => {
    vm = await AgentVm.make(lab, {
      name: 'blocked',
      prepare: async (machine) => {
        await machine.sh('systemctl stop istio');
      },
    });
  });
  after(() => vm?.end());

  const waits = async (reason: RegExp) => {
    const status = await vm.until(`it to wait: ${reason}`, ({ agent }) => reason.test(agent.reason));
    assert.deepEqual([status.agent.state, status.istio.active, status.istio.staged], ['waiting', null, null]);
  };
  /** Blocked in every view, with the place; nothing is staged, and the result of a restart is unknown. */
  const isBlocked = async (place: string, what: string) => {
    const status = await vm.until(
      `it to be blocked by ${place}`,
      ({ agent }) => agent.state === 'blocked' && agent.reason.includes(`${place} `) && agent.reason.includes(what),
    );
    assert.deepEqual([status.istio.staged, status.restart.pending], [null, 'unknown']);
    // The journal tells of a turn once it has reported.
    if (!/cannot take over/.test(status.agent.reason)) await vm.says(`blocked: ${place} `);
    return status;
  };
  const isReady = () =>
    vm.until('it to be ready', ({ agent, istio }) => agent.state === 'ready' && istio.active !== null);

  it('waits while Istio is stopped, and says so', async () => {
    await waits(/istio\.service is inactive: Istio is adopted once it runs/);
    await sh('systemctl is-active --quiet smm-agent');
  });

  it('waits while the unit has failed, and while it is on its way up', async () => {
    await sh(`mkdir -p ${FOLDER}; printf '[Service]\\nRestart=no\\nExecStartPre=/bin/false\\n' > ${OVERRIDE}
      systemctl daemon-reload; ! systemctl start istio`);
    await waits(/istio\.service is failed/);
    await sh(`printf '[Service]\\nTimeoutStartSec=300\\nExecStartPre=/bin/sleep 300\\n' > ${OVERRIDE}
      systemctl daemon-reload; systemctl start --no-block istio`);
    await waits(/istio\.service is activating/);
    await sh('systemctl stop istio');
  });

  it('is blocked by PILOT_ADDRESS in a drop-in, before anything is copied', async () => {
    await sh(`printf '# of the operator\\n[Service]\\nEnvironment=PILOT_ADDRESS=istiod.istio-system.svc:15012\\n' > ${OVERRIDE}
      systemctl daemon-reload; systemctl start istio`);
    const { istio, agent } = await isBlocked(`${OVERRIDE}:3`, 'PILOT_ADDRESS');
    assert.equal(istio.active, null);
    assert.match(agent.reason, /remove PILOT_ADDRESS there, then run systemctl daemon-reload/);
    assert.equal(await sh('ls /opt/smm-agent/istio/releases 2>/dev/null | wc -l'), '0\n');
    await sh(`rm ${OVERRIDE}`);
  });

  it('is blocked by a cluster.env that lies elsewhere: another one would be adopted', async () => {
    await sh(`cp ${CLUSTER_ENV} /etc/own.env
      printf '[Service]\\nEnvironment=ISTIO_CLUSTER_CONFIG=/etc/own.env\\n' > ${OVERRIDE}
      systemctl daemon-reload`);
    await isBlocked(`${OVERRIDE}:2`, 'ISTIO_CLUSTER_CONFIG');
    await sh(`rm ${OVERRIDE} /etc/own.env; systemctl daemon-reload`);
  });

  it('is blocked by its own cluster.env where that names an Envoy', async () => {
    const clusterEnv = await vm.machine.readFile(CLUSTER_ENV);
    const lines = clusterEnv.split('\n').length;
    await sh(`echo "PROXY_CONFIG='{\\"binaryPath\\": \\"/usr/local/bin/envoy\\"}'" >> ${CLUSTER_ENV}
      systemctl restart smm-agent`);
    const { istio } = await isBlocked(`${CLUSTER_ENV}:${lines}:`, 'PROXY_CONFIG with binaryPath');
    assert.equal(istio.active, null);
    await vm.machine.sh(`sed -i '$d' ${CLUSTER_ENV}`);
  });

  it('is adopted as soon as the operator has taken that out, without a restart', async () => {
    const asFound = await vm.istioProcesses();
    await isReady();
    assert.deepEqual(await vm.istioProcesses(), asFound);
    await vm.condition('SmmAgent', 'True');
  });

  /** What blocks an adopted machine: file, text, line and what is named. */
  const kinds: [string, string, string, number, string][] = [
    [
      'PILOT_ADDRESS in a drop-in',
      OVERRIDE,
      '[Service]\nEnvironment="A=b" PILOT_ADDRESS=other:15012\n',
      2,
      'PILOT_ADDRESS',
    ],
    [
      'PROXY_CONFIG in a drop-in',
      OVERRIDE,
      `[Service]\n\nEnvironment='PROXY_CONFIG={"binaryPath":"/x"}'\n`,
      3,
      'PROXY_CONFIG',
    ],
    [
      'a mesh file of its own',
      OVERRIDE,
      '[Service]\nEnvironment="ISTIO_AGENT_FLAGS=--meshConfig /etc/own"\n',
      2,
      'ISTIO_AGENT_FLAGS',
    ],
    ['ISTIO_PILOT_PORT in an env file', ENV_FILE, '# port\nISTIO_PILOT_PORT=15010\n', 2, 'ISTIO_PILOT_PORT'],
    [
      'PROXY_CONFIG in an env file',
      ENV_FILE,
      `A=1\nB=2\nPROXY_CONFIG='{discoveryAddress: "other:15012"}'\n`,
      3,
      'PROXY_CONFIG',
    ],
    ['other programs in an env file', ENV_FILE, 'ISTIO_BIN_BASE=/usr/local/bin\n', 1, 'ISTIO_BIN_BASE'],
    [
      'a drop-in after ours that takes a variable back',
      LATER,
      '[Service]\nEnvironment=ISTIO_BOOTSTRAP=/x\n',
      2,
      'ISTIO_BOOTSTRAP',
    ],
    [
      'a drop-in after ours that starts Istio otherwise',
      LATER,
      '[Service]\nExecStart=\nExecStart=/usr/local/bin/istio-start.sh\n',
      3,
      'ExecStart',
    ],
    ['a drop-in after ours without the hook', LATER, '[Service]\nExecStopPost=\n', 2, 'ExecStopPost'],
  ];
  for (const [what, file, text, line, named] of kinds) {
    it(`is blocked by ${what}, and ready again without it`, async () => {
      if (file === ENV_FILE) await vm.machine.writeFile(OVERRIDE, `[Service]\nEnvironmentFile=${ENV_FILE}\n`);
      await vm.machine.writeFile(file, text);
      await sh('systemctl daemon-reload');
      await isBlocked(`${file}:${line}`, named);
      await sh(`rm -f ${OVERRIDE} ${LATER} ${ENV_FILE}; systemctl daemon-reload`);
      const { restart } = await isReady();
      assert.equal(restart.pending, 'no');
    });
  }

  it('has what was staged withdrawn while it is blocked, and the condition says where to look', async () => {
    await sh('smm-agent set istio.env.OWN_KEY 1');
    await vm.until('a release to be staged', ({ restart }) => restart.pending === 'yes');
    await sh(`printf '[Service]\\nEnvironment=PILOT_ADDRESS=other:15012\\n' > ${OVERRIDE}; systemctl daemon-reload`);
    await isBlocked(`${OVERRIDE}:2`, 'PILOT_ADDRESS');
    const { message } = await vm.condition('SmmAgent', 'False', /override\.conf:2 sets PILOT_ADDRESS/);
    assert.match(message, /remove PILOT_ADDRESS there/);
    await vm.condition('IstioRestartPending', 'Unknown', /override\.conf:2 sets PILOT_ADDRESS/);
    await sh(`rm ${OVERRIDE}; systemctl daemon-reload`);
    await vm.until('it to be staged again', ({ restart }) => restart.pending === 'yes');
    await vm.condition('SmmAgent', 'True');
    await vm.condition('IstioRestartPending', 'True');
  });

  it('has said each of these changes once', async () => {
    const lines = (await vm.journal())
      .split('\n')
      .filter((line) => /^blocked: .*override\.conf:2 sets PILOT_ADDRESS/.test(line));
    assert.equal(lines.length, 2, lines.join('\n'));
  });
});
