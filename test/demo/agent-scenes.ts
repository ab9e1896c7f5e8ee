/** The end of the story: the agent is upgraded. Each scene checks what it says, like the scenes in scenes.ts. */
import semver from 'semver';
import { AGENT_VERSION } from '../../src/base/version.ts';
import { REPOSITORY_CA, trustRepository } from '../sandbox/agent-install.ts';
import { downloadsOf, type PublishedVersion } from '../sandbox/agent-repository.ts';
import { AGENT_UNIT } from '../sandbox/agent-versions.ts';
import { START, type Stage } from './stage.ts';

const [NEXT, BAD] = followers(AGENT_VERSION);

/** Passes its self-check, and ends as soon as it runs as the daemon. */
const ENDS_AT_ONCE = `if (process.argv.includes('run')) {
  console.error('smm-agent ${BAD} ends, on purpose');
  process.exit(3);
}`;

export const AGENT_SCENES: ((stage: Stage) => Promise<void>)[] = [upgraded, rolledBack];

async function upgraded(stage: Stage): Promise<void> {
  stage.screen.scene(
    'The agent is upgraded by the control plane',
    `Istio in the mesh goes back to ${START}, so that nothing is left to do for Istio.`,
    `The publisher of the agent signs version ${NEXT} into a repository of plain files.`,
    'ConfigMap smm-agent names that version.',
    'The agent downloads that version, runs its self-check, and restarts into it.',
    'The new version has 50 seconds to complete a turn, or it is rolled back.',
    'The agent looks for new versions at every tenth poll; here smm-agent reconcile makes it look at once.',
  );
  stage.screen.command(`istioctl upgrade --set tag=${START}`);
  await stage.mesh.upgrade({ name: 'default', version: START });
  await stage.agentSays(/the wanted Istio runs/);
  const before = await stage.machine.envoy();
  const daemon = stage.machine.manager.service(AGENT_UNIT).mainPid;
  await trustRepository(stage.machine.paths, await stage.mesh.repository());
  await stage.operator('smm-agent', 'set', 'repository.caFile', REPOSITORY_CA);
  await announce(stage, NEXT);
  await stage.operator('smm-agent', 'reconcile');
  await stage.agentSays(new RegExp(`^smm-agent ${NEXT}[, ]`));
  const downloads = (await stage.mesh.repository()).takeDownloads();
  for (const path of downloads) stage.screen.side('repository', `GET ${path}`);
  stage.see('only the new version was downloaded, and no Node', `${downloads}` === `${downloadsOf(NEXT)}`);
  await stage.operator('smm-agent', 'history');
  await stage.operator('smm-agent', 'status');
  stage.see('the agent is a new process', stage.machine.manager.service(AGENT_UNIT).mainPid !== daemon);
  stage.see(`smm-agent ${NEXT} is confirmed`, (await stage.probation()) === null);
  stage.see(`Envoy is still process ${before.pid}`, (await stage.machine.envoy()).pid === before.pid);
}

async function rolledBack(stage: Stage): Promise<void> {
  stage.screen.scene(
    `The agent is upgraded to ${BAD}, which is bad, and is rolled back`,
    `Version ${BAD} passes its self-check, but ends as soon as it runs as the daemon.`,
    'agent-guard is a shell script that comes with the package, not with a version.',
    `It rolls back to ${NEXT} before the next start, and keeps the last log lines of ${BAD}.`,
  );
  const before = await stage.machine.envoy();
  await announce(stage, BAD, { prefix: ENDS_AT_ONCE });
  await stage.operator('smm-agent', 'reconcile');
  await stage.agentSays(new RegExp(`^smm-agent ${NEXT} \\(wanted ${BAD}: rejected`));
  await stage.operator('smm-agent', 'history', '--last', '1');
  await stage.operator('smm-agent', 'status');
  stage.see(`smm-agent ${NEXT} runs again, and no version is on probation`, (await stage.probation()) === null);
  stage.see(`Envoy is still process ${before.pid}`, (await stage.machine.envoy()).pid === before.pid);
}

/** Publishes and announces a version, as a publisher does it on another machine. */
async function announce({ screen, mesh }: Stage, version: string, program: PublishedVersion = {}): Promise<void> {
  const repository = await mesh.repository();
  screen.command(`npm run repository -- add repository smm-agent-${version}.tar.zst`);
  const bytes = await repository.publish(version, program);
  screen.side('repository', `smm-agent ${version} is signed and published, ${Math.round(bytes / 1024)} KB`);
  screen.command(`npm run repository -- announce ${version} --repository ${repository.url} --apply`);
  await repository.announce(version);
}

/** The next two versions. */
function followers(version: string): [string, string] {
  const next = semver.inc(version, 'minor') ?? version;
  return [next, semver.inc(next, 'minor') ?? next];
}
