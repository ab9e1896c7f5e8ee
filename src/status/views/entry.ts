/** The view of the Status that `kubectl get workloadentry -o yaml` shows. Pure. */

import type { Config } from '../../config/schema.ts';
import {
  type EntryReport,
  restartPendingMessage,
  revisionGoneMessage,
} from '../../control-plane/report/entry-report.ts';
import type { Status } from '../status.ts';

export function entryReport(status: Status, report: Config['report'], revisionGone: boolean): EntryReport {
  const options = { level: report.validationLevel, documentationUrl: report.documentationUrl };
  return {
    pending: pendingCondition(status),
    agent: agentCondition(status),
    messages: [
      ...(status.restart.pending === 'yes' ? [restartPendingMessage(options)] : []),
      ...(revisionGone ? [revisionGoneMessage(options)] : []),
    ],
  };
}

function pendingCondition({ restart, istio }: Status): EntryReport['pending'] {
  switch (restart.pending) {
    case 'yes':
      return { status: 'True', reason: 'Staged', message: pendingMessage(istio, restart) };
    case 'no':
      return { status: 'False', reason: 'UpToDate', message: upToDateMessage(istio) };
    case 'unknown':
      return { status: 'Unknown', reason: 'Unknown', message: restart.why.join('; ') };
  }
}

function pendingMessage(istio: Status['istio'], restart: Status['restart']): string {
  const running = istio.running?.istioVersion ?? `nothing (${istio.runningReason})`;
  const staged = istio.staged?.istioVersion ?? istio.active?.istioVersion ?? 'nothing';
  const stopped =
    istio.stopped === null ? '' : ` Istio is stopped since ${istio.stopped.since ?? 'unknown'} by ${istio.stopped.by}.`;
  return `${restart.why.join('; ')}: running ${running}, staged ${staged} since ${restart.since}.${stopped} To switch: ${restart.command}`;
}

function upToDateMessage(istio: Status['istio']): string {
  if (istio.running !== null) return `Istio ${istio.running.istioVersion} runs, and nothing else is staged`;
  return `Istio does not run: ${istio.runningReason}`;
}

function agentCondition({ agent, istio, upgrade, config }: Status): EntryReport['agent'] {
  const works = agent.state === 'ready' || agent.state === 'waiting' || agent.state === 'held';
  const reason = `${agent.state.charAt(0).toUpperCase()}${agent.state.slice(1)}`;
  const istioVersion = istio.running?.istioVersion ?? 'none';
  return {
    status: works ? 'True' : 'False',
    reason,
    message: `smm-agent ${agent.version}${versionsOf(upgrade, agent)}, Istio running ${istioVersion}: ${agent.reason}${refusal(config)}`,
  };
}

/** The fleet's administrator has to see that the agent does not use the edited file. */
function refusal(config: Status['config']): string {
  return config?.refused ? `; the previous configuration stays in effect, since ${config.refused.problem}` : '';
}

/** Names the wanted version if it does not run, and the reason if it is not in the agent's own reason already. */
function versionsOf(upgrade: Status['upgrade'], agent: Status['agent']): string {
  if (upgrade === null || upgrade.wanted === null || upgrade.wanted === upgrade.running) return '';
  const why = upgrade.reason === null || upgrade.reason === agent.reason ? '' : `, ${upgrade.reason}`;
  return ` (wanted ${upgrade.wanted}: ${upgrade.state}${why})`;
}
