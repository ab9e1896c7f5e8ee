/** The story. Each scene says what happens, shows what each side sees of it, and checks that it is so. */
import { ENTRY } from '../sandbox/mesh.ts';
import { AGENT_SCENES } from './agent-scenes.ts';
import { START, type Stage } from './stage.ts';

const PATCH = '1.31.1';
const CANARY = '1.32.0';
const BAD = '1.31.2';

/** Answers --version like any other, and ends as soon as it is to serve. */
const DYING_ENVOY = '#!/bin/sh\ncase $* in *--version*) exit 0 ;; esac\necho "Envoy ends, on purpose" >&2\nexit 1\n';

export const SCENES: ((stage: Stage) => Promise<void>)[] = [
  installed,
  adopted,
  staged,
  switched,
  moved,
  movedBack,
  badRelease,
  ...AGENT_SCENES,
];

async function installed(stage: Stage): Promise<void> {
  stage.screen.scene(
    `A virtual machine runs Istio ${START}`,
    'It was installed from the official package. Its namespace "shop" follows the revision "default", whose istiod is of the same version. Nobody looks after upgrades yet.',
  );
  await stage.showEnvoy();
  await stage.showEntry();
}

async function adopted(stage: Stage): Promise<void> {
  stage.screen.scene(
    'smm-agent is installed and adopts it',
    'It copies programs and configuration into a release of its own and puts a drop-in beside istio.service. The running Istio is not touched, and no restart is asked for.',
  );
  const before = await stage.machine.envoy();
  await stage.operator('systemctl', 'start', 'smm-agent');
  await stage.pending('False', new RegExp(START));
  stage.see(`Envoy is still process ${before.pid}`, (await stage.machine.envoy()).pid === before.pid);
  stage.see('active is the adopted release', (await stage.machine.linked('active'))?.startsWith(`${START}-`) === true);
}

async function staged(stage: Stage): Promise<void> {
  stage.screen.scene(
    `The control plane is upgraded to ${PATCH}`,
    'The agent sees it at its next poll, fetches the package, stages a new release beside the running one, and says on the WorkloadEntry that a restart is due.',
  );
  await stage.publish({ version: PATCH });
  const before = await stage.machine.envoy();
  stage.screen.command(`istioctl upgrade --set tag=${PATCH}`);
  await stage.mesh.upgrade({ name: 'default', version: PATCH });
  await stage.pending('True', new RegExp(`${START} to ${PATCH}`));
  const downloads = stage.takeDownloads();
  for (const path of downloads) stage.screen.side('downloads', `GET ${path}`);
  stage.see(`the package of ${PATCH} was downloaded once`, downloads.length === 1);
  stage.see(`Envoy is still process ${before.pid}`, (await stage.machine.envoy()).pid === before.pid);
  await stage.showEntry();
  await stage.operator('smm-agent', 'status');
}

async function switched(stage: Stage): Promise<void> {
  stage.screen.scene(
    'The operator stops Istio, at a moment of their choice',
    'While a release is pending, systemctl stop istio means: restart into it. systemd stops the old Istio with its own cleaning, istio-activate switches, and the new one starts.',
  );
  const before = await stage.machine.envoy();
  await stage.operator('systemctl', 'stop', 'istio');
  const after = await stage.envoyOf(PATCH);
  await stage.showEnvoy();
  stage.see(`Envoy is another process now (${before.pid} before)`, after.pid !== before.pid);
  // istiod deletes an entry when the proxy disconnects, and registers it anew: what was said of it is gone.
  await stage.mesh.reconnect();
  stage.screen.side('istiod', `${ENTRY} was deleted and registered anew, its status is empty`);
  await stage.pending('False', new RegExp(PATCH));
  await stage.showEntry();
  stage.see('istiod still says that the proxy is healthy', (await stage.condition('Healthy'))?.status === 'True');
}

async function moved(stage: Stage): Promise<void> {
  stage.screen.scene(
    'The namespace moves to the revision "canary"',
    `Another control plane, of ${CANARY}: programs, discovery address and hosts line change together, in one restart.`,
  );
  await stage.publish({ version: CANARY });
  stage.screen.command('kubectl label namespace shop istio.io/rev=canary --overwrite');
  await stage.mesh.move('canary');
  await stage.pending('True', new RegExp(`${PATCH} to ${CANARY}`));
  await stage.operator('systemctl', 'restart', 'istio');
  await stage.envoyOf(CANARY);
  await stage.showEnvoy();
  await showAddresses(stage);
  stage.see(
    'the mesh file names istiod of "canary"',
    /istiod-canary\.istio-system\.svc:15012/.test(await stage.read('opt/smm-agent/istio/active/mesh')),
  );
  stage.see('/etc/hosts knows it', /istiod-canary\.istio-system\.svc/.test(await stage.read('etc/hosts')));
  await stage.pending('False', new RegExp(CANARY));
}

async function movedBack(stage: Stage): Promise<void> {
  stage.screen.scene('And back to "default"', 'The release is still on disk: nothing is downloaded again.');
  stage.takeDownloads();
  stage.screen.command('kubectl label namespace shop istio.io/rev=default --overwrite');
  await stage.mesh.move('default');
  await stage.pending('True', new RegExp(`${CANARY} to ${PATCH}`));
  stage.see('nothing was downloaded', stage.takeDownloads().length === 0);
  await stage.operator('systemctl', 'restart', 'istio');
  await stage.envoyOf(PATCH);
  await stage.showEnvoy();
  await showAddresses(stage);
  await stage.pending('False', new RegExp(PATCH));
}

async function badRelease(stage: Stage): Promise<void> {
  stage.screen.scene(
    `The control plane is upgraded to ${BAD}, which is bad`,
    `Its Envoy ends as soon as it starts. After three such ends istio-activate puts it back by itself, also with the agent dead: to the newest release that was seen up for long enough. That is ${START} here; ${PATCH} has not run for a minute yet.`,
  );
  await stage.publish({ version: BAD, files: { 'usr/local/bin/envoy': DYING_ENVOY } });
  stage.screen.command(`istioctl upgrade --set tag=${BAD}`);
  await stage.mesh.upgrade({ name: 'default', version: BAD });
  await stage.pending('True', new RegExp(`${PATCH} to ${BAD}`));
  await stage.operator('systemctl', 'restart', 'istio');
  await stage.envoyOf(START);
  await stage.showEnvoy();
  await stage.agentSays(/rejected/);
  await stage.pending('False', new RegExp(START));
  await stage.operator('smm-agent', 'status');
  const staged = await stage.machine.linked('staged');
  const isSame = staged === null || staged === (await stage.machine.linked('active'));
  stage.see('Istio runs, and the bad release is not tried again', isSame);
}

async function showAddresses(stage: Stage): Promise<void> {
  const mesh = await stage.read('opt/smm-agent/istio/active/mesh');
  const hosts = await stage.read('etc/hosts');
  for (const line of mesh.match(/.*discoveryAddress.*/g) ?? []) stage.screen.side('mesh file', line.trim());
  for (const line of hosts.match(/.*istiod.*/g) ?? []) stage.screen.side('/etc/hosts', line);
}
