/** The story. Each scene says what happens, shows what each side sees, and checks that it is true. */
import { ENTRY } from '../sandbox/mesh.ts';
import { AGENT_SCENES } from './agent-scenes.ts';
import { START, type Stage } from './stage.ts';

const PATCH = '1.31.1';
const CANARY = '1.32.0';
const BAD = '1.31.2';

/** An Envoy that answers --version, and ends as soon as it is started. */
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
    'It was installed from the official package.',
    'Its namespace "shop" uses the revision "default", whose istiod has the same version.',
    'There is no agent for upgrades yet.',
  );
  await stage.showEnvoy();
  await stage.showEntry();
}

async function adopted(stage: Stage): Promise<void> {
  stage.screen.scene(
    'smm-agent is installed and adopts this Istio',
    'The agent copies programs and configuration into a release of its own, and adds a drop-in to istio.service.',
    'The running Istio is not touched, and no restart is needed.',
  );
  const before = await stage.machine.envoy();
  await stage.operator('systemctl', 'start', 'smm-agent');
  await stage.pending('False', new RegExp(START));
  stage.see(`Envoy is still process ${before.pid}`, (await stage.machine.envoy()).pid === before.pid);
  const active = await stage.machine.linked('active');
  stage.see('the link `active` names the adopted release', active?.startsWith(`${START}-`) === true);
}

async function staged(stage: Stage): Promise<void> {
  stage.screen.scene(
    `The control plane is upgraded to ${PATCH}`,
    'The agent notices the upgrade at its next poll, downloads the package, and stages a new release.',
    'The running Istio stays as it is. The WorkloadEntry says that a restart is pending.',
  );
  await stage.publish({ version: PATCH });
  const before = await stage.machine.envoy();
  stage.screen.command(`istioctl upgrade --set tag=${PATCH}`);
  await stage.mesh.upgrade({ name: 'default', version: PATCH });
  await stage.restartPending(new RegExp(`${START} to ${PATCH}`));
  const downloads = stage.takeDownloads();
  for (const path of downloads) stage.screen.side('downloads', `GET ${path}`);
  stage.see(`the package of ${PATCH} was downloaded once`, downloads.length === 1);
  stage.see(`Envoy is still process ${before.pid}`, (await stage.machine.envoy()).pid === before.pid);
  await stage.showEntry();
  await stage.operator('smm-agent', 'status');
}

async function switched(stage: Stage): Promise<void> {
  stage.screen.scene(
    'The operator stops Istio when it suits them',
    'While a restart is pending, systemctl stop istio restarts Istio into the staged release.',
    'systemd stops the old Istio, which removes its own rules.',
    'Then istio-activate switches to the staged release, and the new Istio starts.',
  );
  const before = await stage.machine.envoy();
  await stage.operator('systemctl', 'stop', 'istio');
  const after = await stage.envoyOf(PATCH);
  await stage.showEnvoy();
  stage.see(`Envoy is a new process (before: ${before.pid})`, after.pid !== before.pid);
  // istiod deletes the entry when the proxy disconnects, and creates it again. The report of the agent is gone then.
  await stage.mesh.reconnect();
  stage.screen.side('istiod', `${ENTRY} was deleted and created again, its status is empty`);
  await stage.pending('False', new RegExp(PATCH));
  await stage.showEntry();
  stage.see('istiod still reports that the proxy is healthy', (await stage.condition('Healthy'))?.status === 'True');
}

async function moved(stage: Stage): Promise<void> {
  stage.screen.scene(
    'The namespace moves to the revision "canary"',
    `The revision "canary" is another control plane, with version ${CANARY}.`,
    'Programs, discovery address and hosts line change together in one restart.',
  );
  await stage.publish({ version: CANARY });
  stage.screen.command('kubectl label namespace shop istio.io/rev=canary --overwrite');
  await stage.mesh.move('canary');
  await stage.restartPending(new RegExp(`${PATCH} to ${CANARY}`));
  await stage.operator('systemctl', 'restart', 'istio');
  await stage.envoyOf(CANARY);
  await stage.showEnvoy();
  await showAddresses(stage);
  stage.see(
    'the mesh file names the istiod of "canary"',
    /istiod-canary\.istio-system\.svc:15012/.test(await stage.read('opt/smm-agent/istio/active/mesh')),
  );
  stage.see('/etc/hosts has its address', /istiod-canary\.istio-system\.svc/.test(await stage.read('etc/hosts')));
  await stage.pending('False', new RegExp(CANARY));
}

async function movedBack(stage: Stage): Promise<void> {
  stage.screen.scene(
    'The namespace moves back to "default"',
    'The release is still on disk, so nothing is downloaded.',
  );
  stage.takeDownloads();
  stage.screen.command('kubectl label namespace shop istio.io/rev=default --overwrite');
  await stage.mesh.move('default');
  await stage.restartPending(new RegExp(`${CANARY} to ${PATCH}`));
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
    'The Envoy of this release ends as soon as it starts.',
    'After three such ends, istio-activate rolls back, even if the agent is dead.',
    'It goes back to the newest confirmed release.',
    `Here that is ${START}, because ${PATCH} has not run for a minute yet.`,
  );
  await stage.publish({ version: BAD, files: { 'usr/local/bin/envoy': DYING_ENVOY } });
  stage.screen.command(`istioctl upgrade --set tag=${BAD}`);
  await stage.mesh.upgrade({ name: 'default', version: BAD });
  await stage.restartPending(new RegExp(`${PATCH} to ${BAD}`));
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
