/**
 * The output of `reconcile --dry-run`: what is true and what is wanted, and which steps would be taken or not, and why.
 * Pure.
 */
import type { Step } from '../decision/step.ts';
import { isLost } from '../observation/first-release.ts';
import type { Observation } from '../observation/observation.ts';
import type { Plan } from '../turn/plan.ts';

export function explainPlan(plan: Plan, warnings: readonly string[] = []): string {
  const { observation, target, wanted, decision } = plan;
  const { unit, active, staged } = observation;
  const isStaged = staged !== null && staged.manifest.id !== active?.manifest.id;
  const rows: [string, string][] = [
    ['istio.service', unit.exists ? `${unit.activeState} (${unit.subState})` : 'not installed'],
    ['running', running(observation)],
    [
      'active',
      active?.manifest.id ?? `nothing: ${isLost(observation) ? 'the release is lost' : 'Istio is not adopted yet'}`,
    ],
    ['staged', isStaged ? staged.manifest.id : 'nothing'],
    ['restart', restart(observation)],
    ['agent', agent(plan)],
    [
      'wanted',
      target.answer === 'wanted'
        ? `Istio ${target.istioVersion} of revision ${target.revision.name}`
        : `${target.answer}: ${target.reason}`,
    ],
    ...decision.steps.map((step): [string, string] => ['would', `${what(step)}: ${step.why}`]),
    ...decision.notDone.map(({ step, reason }): [string, string] => ['would not', `${step}: ${reason}`]),
  ];
  if (decision.steps.length === 0) rows.push(['would', 'change nothing']);
  else if (active === null && wanted.answer === 'nothing' && wanted.because === 'not-adopted') {
    // The plan ends at the adoption: the next release is made from the configuration that the adoption records.
    rows.push(['afterwards', afterAdoption(target)]);
  }
  rows.push(...warnings.map((warning): [string, string] => ['warning', warning]));
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, text]) => `${name.padEnd(width)}  ${text}\n`).join('');
}

function running({ running: seen, releases }: Observation): string {
  switch (seen.answer) {
    case 'release': {
      const manifest = releases.find((release) => release.manifest.id === seen.id)?.manifest;
      return manifest === undefined ? seen.id : `${seen.id}, of revision ${manifest.revision ?? 'unknown'}`;
    }
    case 'package':
      return "Istio from its package's own files";
    case 'nothing':
      return 'nothing';
    case 'unknown':
      return `unknown: ${seen.reason}`;
  }
}

function agent({ observation, agentWanted }: Plan): string {
  const { running, installed, probation } = observation.agent;
  const wanted = 'version' in agentWanted ? `${agentWanted.version} is wanted` : agentWanted.reason;
  const trial = probation === null ? '' : `, ${probation.to} is on probation`;
  return `${installed ?? running} is installed, ${wanted}${trial}`;
}

function restart({ pending }: Observation): string {
  switch (pending.answer) {
    case 'yes':
      return `pending since ${pending.since.toISOString()}: ${pending.why.join('; ')}`;
    case 'no':
      return 'not pending';
    case 'unknown':
      return `unknown: ${pending.reason}`;
  }
}

function what(step: Step): string {
  switch (step.do) {
    case 'withdraw':
      return 'withdraw what is staged';
    case 'adopt':
      return `adopt the Istio that runs here as a release of revision ${step.revision}, without touching it`;
    case 'install-drop-in':
      return 'put the drop-in into istio.service, so that its next start is from the active release';
    case 'keep-unit-file':
      return 'keep the unit file of istio.service, whose package was removed';
    case 'give-unit-file-back':
      return "remove the kept unit file: the package's own unit file is back";
    case 'stage': {
      const { istioVersion, revision, kind } = step.wanted;
      const configuration = kind === 'keep' ? "the machine's own configuration" : 'the rendered configuration';
      return `stage Istio ${istioVersion} of revision ${revision.name} with ${configuration}; then a restart is pending`;
    }
    case 'point-staged':
      return `stage release ${step.id}; then a restart is pending`;
    case 'confirm':
      return `confirm release ${step.id}: it is not rolled back any more`;
    case 'restore-hosts':
      return `restore "${step.line}" in /etc/hosts`;
    case 'start':
      return 'start istio.service';
    case 'clean':
    case 'clean-versions':
      return `remove ${step.remove.join(', ')}`;
    case 'restart-agent':
      return `restart the agent as smm-agent ${step.version}; Istio is not touched`;
    case 'upgrade-agent':
      return `the daemon upgrades itself to smm-agent ${step.version}, on probation; Istio is not touched`;
  }
}

function afterAdoption(target: Plan['target']): string {
  if (target.answer !== 'wanted') return `stage nothing: ${target.reason}`;
  return `stage Istio ${target.istioVersion} of revision ${target.revision.name}, unless the adopted release is the same`;
}
