/** The end of the story: the agent becomes another version of itself. Each scene checks what it says, as those of scenes.ts do. */
import semver from 'semver';
import { AGENT_VERSION } from '../../src/base/version.ts';
import { REPOSITORY_CA, trustRepository } from '../sandbox/agent-install.ts';
import { downloadsOf, type PublishedVersion } from '../sandbox/agent-repository.ts';
import { AGENT_UNIT } from '../sandbox/agent-versions.ts';
import { START, type Stage } from './stage.ts';

const [NEXT, BAD] = followers(AGENT_VERSION);

/** Works when it is asked to check itself, and ends as soon as it is to serve. */
const ENDS_AT_ONCE = `if (process.argv.includes('run')) {
  console.error('smm-agent ${BAD} ends, on purpose');
  process.exit(3);
}`;

export const AGENT_SCENES: ((stage: Stage) => Promise<void>)[] = [upgraded, putBack];

async function upgraded(stage: Stage): Promise<void> {
  stage.screen.scene(
    'The agent is upgraded by the control plane',
    `Istio goes back to ${START} in the mesh, so that nothing is left to do for it. The agent's publisher signs ${NEXT} into a repository of plain files and names it in ConfigMap smm-agent. The agent fetches it, has it check itself, and restarts as that version, which has 50 seconds to complete a turn; else the one before comes back. By itself it looks at every tenth poll; nobody waits for that here.`,
  );
  stage.screen.command(`istioctl upgrade --set tag=${START}`);
  await stage.mesh.upgrade({ name: 'default', version: START });
  await stage.agentSays(/what is wanted is active/);
  const before = await stage.machine.envoy();
  const daemon = stage.machine.manager.service(AGENT_UNIT).mainPid;
  await trustRepository(stage.machine.paths, await stage.mesh.repository());
  await stage.operator('smm-agent', 'set', 'repository.caFile', REPOSITORY_CA);
  await announce(stage, NEXT);
  await stage.operator('smm-agent', 'reconcile');
  await stage.agentSays(new RegExp(`^smm-agent ${NEXT}[, ]`));
  const downloads = (await stage.mesh.repository()).takeDownloads();
  for (const path of downloads) stage.screen.side('repository', `GET ${path}`);
  stage.see('the new version was downloaded, and no other Node', `${downloads}` === `${downloadsOf(NEXT)}`);
  await stage.operator('smm-agent', 'history');
  await stage.operator('smm-agent', 'status');
  stage.see('the agent is another process now', stage.machine.manager.service(AGENT_UNIT).mainPid !== daemon);
  stage.see(`smm-agent ${NEXT} is confirmed`, (await stage.probation()) === null);
  stage.see(`Envoy is still process ${before.pid}`, (await stage.machine.envoy()).pid === before.pid);
}

async function putBack(stage: Stage): Promise<void> {
  stage.screen.scene(
    `... and to ${BAD}, which is bad, and puts itself back`,
    `It checks itself without a fault, and ends as soon as it is to serve. agent-guard, a shell script that no version brings along, puts ${NEXT} back before the next start, and keeps the last words of ${BAD}.`,
  );
  const before = await stage.machine.envoy();
  await announce(stage, BAD, { prefix: ENDS_AT_ONCE });
  await stage.operator('smm-agent', 'reconcile');
  await stage.agentSays(new RegExp(`^smm-agent ${NEXT} \\(wanted ${BAD}: rejected`));
  await stage.operator('smm-agent', 'history', '--last', '1');
  await stage.operator('smm-agent', 'status');
  stage.see(
    `smm-agent ${NEXT} runs again, and ${BAD} is not on probation any more`,
    (await stage.probation()) === null,
  );
  stage.see(`Envoy is still process ${before.pid}`, (await stage.machine.envoy()).pid === before.pid);
}

/** As its publisher does it, on another machine. */
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
