/** What `reconcile --dry-run` prints: what is true, what is wanted, what would be done and what would not, with reasons. Pure. */
import type { Plan } from '../agent/turn.ts';

export function explainPlan({ observation, target, decision }: Plan): string {
  const { unit, running, active } = observation;
  const lines = [
    `istio.service  ${unit.exists ? `${unit.activeState} (${unit.subState})` : 'not installed'}`,
    `running        ${running.answer === 'release' ? running.id : `${running.answer}${running.answer === 'unknown' ? `: ${running.reason}` : ''}`}`,
    `active         ${active?.manifest.id ?? 'nothing'}`,
    `wanted         ${target.answer === 'wanted' ? `Istio ${target.istioVersion} of revision ${target.revision.name}` : `${target.answer}: ${target.reason}`}`,
    ...decision.steps.map((step) => `would ${step.do}: ${step.why}`),
    ...decision.notDone.map(({ step, reason }) => `would not ${step}: ${reason}`),
    ...(decision.steps.length === 0
      ? ['nothing would be changed']
      : ['what follows from these steps is planned when they are done']),
  ];
  return `${lines.join('\n')}\n`;
}
