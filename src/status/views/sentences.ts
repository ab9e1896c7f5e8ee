/** Sentences about what a turn has observed and done, for the journal and a terminal. Pure. */
import type { Target } from '../../control-plane/target/target.ts';
import type { Step } from '../../decision/step.ts';
import type { Observation } from '../../observation/observation.ts';

export function describeObservation(observation: Observation): string {
  return `${describeRunning(observation)}; ${describeNext(observation)}`;
}

function describeRunning({ unit, running }: Observation): string {
  if (!unit.exists) return 'istio.service is not installed';
  const is = unit.activeState === 'active' ? 'istio.service' : `istio.service is ${unit.activeState} and`;
  switch (running.answer) {
    case 'release':
      return `${is} runs release ${running.id}`;
    case 'package':
      return `${is} runs Istio from its package's own files`;
    case 'nothing':
      return `istio.service is ${unit.activeState}, and Envoy does not run`;
    case 'unknown':
      return `istio.service is ${unit.activeState}, and it is unknown what runs`;
  }
}

function describeNext({ pending, active, staged }: Observation): string {
  if (active === null && staged === null) return 'there is no release for its next start';
  if (pending.answer === 'unknown') return 'it is unknown what its next start uses';
  return `its next start uses ${pending.answer === 'yes' ? pending.staged : (pending.running ?? 'no release')}`;
}

export function describeTarget(target: Target): string {
  if (target.answer !== 'wanted') return `${target.answer}: ${target.reason}`;
  return `Istio ${target.istioVersion} of revision ${target.revision.name} is wanted`;
}

/** Problems of istiod's line in /etc/hosts; none while Istio is stopped, since its start writes the line. */
export function describeHostsLine({ unit, hostsLine }: Observation): string[] {
  if (unit.activeState !== 'active') return [];
  switch (hostsLine.answer) {
    case 'there':
      return [];
    case 'missing':
      return [`"${hostsLine.line}" is missing in /etc/hosts: a running Istio needs this line to find istiod`];
    case 'other':
      return [
        `/etc/hosts has ${hostsLine.address}, but the active release has "${hostsLine.line}"; ` +
          'the next start of Istio writes that line before the other one',
      ];
  }
}

export function describeDone(step: Step): string {
  switch (step.do) {
    case 'withdraw':
      return `nothing is staged any more: ${step.why}`;
    case 'adopt':
      return `adopted the Istio that runs here, of revision ${step.revision}; it was not touched`;
    case 'install-drop-in':
      return 'istio.service starts from the active release from now on';
    case 'keep-unit-file':
      return 'kept the unit file of istio.service, whose package was removed; Istio was not touched';
    case 'give-unit-file-back':
      return 'istio.service uses the unit file of its package again';
    case 'stage':
      return `staged Istio ${step.wanted.istioVersion} of revision ${step.wanted.revision.name}; the running Istio was not touched`;
    case 'point-staged':
      return `staged release ${step.id}, which was on disk`;
    case 'confirm':
      return `confirmed release ${step.id}`;
    case 'restore-hosts':
      return `restored "${step.line}" in /etc/hosts, which was removed while Istio was running`;
    case 'start':
      return 'started istio.service';
    case 'clean':
      return `removed the old Istio ${step.remove.length === 1 ? 'release' : 'releases'} ${step.remove.join(', ')}`;
    case 'clean-versions':
      return `removed the old ${step.remove.length === 1 ? 'version' : 'versions'} of smm-agent ${step.remove.join(', ')}`;
    case 'upgrade-agent':
      return `smm-agent ${step.version} is in place, and its self-check passed`;
    case 'restart-agent':
      return `the agent restarts as smm-agent ${step.version}; Istio is not touched`;
  }
}
