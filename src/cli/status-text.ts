/** `smm-agent status` for people: the Status as a short table. Pure. */
import type { Status } from '../agent/status.ts';

export function statusText(status: Status, isDaemonAlive: boolean): string {
  const rows: [string, string][] = [
    ['agent', `${status.agent.version}, ${isDaemonAlive ? status.agent.state : 'not running'}: ${status.agent.reason}`],
    [
      'group',
      status.workloadGroup === null ? 'none' : `${status.workloadGroup.namespace}/${status.workloadGroup.name}`,
    ],
    ['wanted', wanted(status)],
    [
      'running',
      status.istio.running === null ? `nothing: ${status.istio.runningReason}` : release(status.istio.running),
    ],
    ['staged', staged(status)],
    ['restart', restart(status)],
    ...(status.istio.stopped === null
      ? []
      : [
          ['stopped', `since ${status.istio.stopped.since ?? 'unknown'}, by ${status.istio.stopped.by}`] as [
            string,
            string,
          ],
        ]),
    ...status.notDone.map(({ step, reason }): [string, string] => ['not done', `${step}: ${reason}`]),
    ...status.warnings.map((warning): [string, string] => ['warning', warning]),
    ['as of', status.at],
    ['next poll', status.nextPoll ?? 'none planned'],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, text]) => `${name.padEnd(width)}  ${text}\n`).join('');
}

function wanted({ target }: Status): string {
  if (target.istioVersion !== null) return `Istio ${target.istioVersion} of revision ${target.revision}`;
  return `${target.answer}: ${target.reason ?? 'the control plane was not asked yet'}`;
}

function staged({ istio }: Status): string {
  if (istio.staged === null) return 'nothing else than what is active';
  return `${release(istio.staged)} since ${istio.staged.since ?? 'unknown'}`;
}

function release({ id, istioVersion, revision, problems }: NonNullable<Status['istio']['active']>): string {
  const damage = problems.length === 0 ? '' : `, damaged: ${problems.join('; ')}`;
  return `Istio ${istioVersion} of revision ${revision ?? 'unknown'} (${id})${damage}`;
}

function restart({ restart }: Status): string {
  switch (restart.pending) {
    case 'yes':
      return `pending since ${restart.since}: ${restart.why.join('; ')}. To switch: ${restart.command}`;
    case 'no':
      return 'not pending';
    case 'unknown':
      return `unknown: ${restart.why.join('; ')}`;
  }
}
