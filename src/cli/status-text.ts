/** `smm-agent status` for people: the Status as a short table. Pure. */
import { isOwnStep } from '../decision/own-version.ts';
import type { Status, UpgradeSummary } from '../status/status.ts';
import type { DaemonLife } from './daemon-life.ts';

export function statusText(status: Status, life: DaemonLife): string {
  const rows: [string, string][] = [
    ['agent', agent(status, life)],
    ...(life.is === 'turning'
      ? [
          [
            'turn',
            `under way since ${life.since} (${life.reasons.join(', ')}); the rows below show the turn before`,
          ] as [string, string],
        ]
      : []),
    [
      'group',
      status.workloadGroup === null
        ? 'unknown: no configuration is in effect'
        : `${status.workloadGroup.namespace}/${status.workloadGroup.name}`,
    ],
    // An older version of the agent wrote a status without this field.
    ...(status.config == null
      ? []
      : [['config', `${status.config.file}, read at ${status.config.readAt}`] as [string, string]]),
    ...(status.token ? [['token', token(status.token)] as [string, string]] : []),
    ['wanted', wanted(status)],
    ['running', status.istio.running === null ? noRelease(status) : release(status.istio.running)],
    ['staged', staged(status)],
    ['restart', restart(status)],
    ...(status.istio.stopped === null
      ? []
      : [
          [
            'stopped',
            `since ${status.istio.stopped.since ?? 'unknown'}, by ${status.istio.stopped.by}; to start it: ${status.istio.unit?.isMasked ? 'systemctl unmask istio && ' : ''}systemctl start istio`,
          ] as [string, string],
        ]),
    // An older version of the agent wrote a status without this field.
    ...(status.packages === undefined ? [] : [['packages', status.packages] as [string, string]]),
    ...(status.upgrade === null ? [] : [['upgrade', upgrade(status.upgrade)] as [string, string]]),
    ...status.notDone
      // The row `upgrade` shows the agent's own steps.
      .filter(({ step }) => !isOwnStep(step))
      .map(({ step, reason }): [string, string] => ['not done', `${step}: ${reason}`]),
    ...status.warnings.map((warning): [string, string] => ['warning', warning]),
    ['as of', status.at],
    ['next poll', nextPoll(status, life)],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return shownOnce(rows, status)
    .map(([name, text]) => `${name.padEnd(width)}  ${text}\n`)
    .join('');
}

const LONG_CHARS = 60;

/** A long reason that several rows would show is shown once, and then as "as above". */
function shownOnce(rows: [string, string][], { agent, target }: Status): [string, string][] {
  const reasons = [...new Set([agent.reason, target.reason ?? ''])].filter(({ length }) => length > LONG_CHARS);
  const seen = new Set<string>();
  return rows.map(([name, text]) => {
    let shown = text;
    for (const reason of reasons) {
      if (!shown.includes(reason)) continue;
      if (seen.has(reason)) shown = shown.replaceAll(reason, 'as above');
      seen.add(reason);
    }
    return [name, shown];
  });
}

/** "Not looked at" is not the same as "no release runs". */
function noRelease({ istio: { unit, runningReason }, target }: Status): string {
  return unit === null && target.answer === 'not-asked' ? `unknown: ${runningReason}` : `no release: ${runningReason}`;
}

function nextPoll({ at, nextPoll, nextPollBy }: Status, life: DaemonLife): string {
  if (life.is === 'down') return 'none: the agent is not running';
  return life.is === 'starting'
    ? 'now: the agent is starting'
    : nextPoll === null
      ? 'none planned'
      : nextPoll <= at
        ? dueNow(at, nextPollBy)
        : between(nextPoll, nextPollBy);
}

/** The time of the next poll is taken when a turn begins, so it can lie before the end of the turn. */
function dueNow(at: string, by: string | undefined): string {
  return by === undefined || by <= at ? 'due now' : `due now, by ${by} at the latest`;
}

/** Each machine polls at most poll.jitterSeconds later than poll.schedule says. */
function between(from: string, by: string | undefined): string {
  return by === undefined || by === from ? from : `between ${from} and ${by}`;
}

function agent({ agent: { version, state, reason } }: Status, life: DaemonLife): string {
  if (life.is === 'starting') {
    const since = life.since === null ? '' : ` since ${life.since}`;
    return `${life.version ?? version}, starting${since}: ${life.words}; the rows below are older: ${state}: ${reason}`;
  }
  if (life.is === 'down')
    return `${version}, not running (systemctl start smm-agent); at its last turn ${state}: ${reason}`;
  const remedy = state === 'misconfigured' ? '. Once corrected: systemctl reload smm-agent' : '';
  return `${version}, ${state}: ${reason}${remedy}`;
}

function token({ group, validUntil }: NonNullable<Status['token']>): string {
  const whose = group === null ? 'not of an account smm-agent-<group>' : `of group ${group.namespace}/${group.name}`;
  return `${whose}, ${validUntil === null ? 'without an expiry' : `valid until ${validUntil}`}`;
}

function upgrade({ running, installed, wanted, heldBy, state, reason, probation }: UpgradeSummary): string {
  const versions = [
    `running ${running}`,
    `installed ${installed ?? 'unknown'}`,
    `wanted ${wanted ?? 'none'}`,
    ...(probation === null || state === 'probation' ? [] : [`${probation.version} on probation`]),
  ];
  const said = reason === null ? state : state === 'off' ? reason : `${state}: ${reason}`;
  // Show a hold also while no upgrade is due.
  const held = heldBy == null || state === 'held' ? '' : `; held by ${heldBy}`;
  return `${versions.join(', ')}; ${said}${held}`;
}

function wanted({ target, agent }: Status): string {
  if (agent.state === 'misconfigured') return NOT_ASKED;
  if (target.istioVersion !== null) return `Istio ${target.istioVersion} of revision ${target.revision}`;
  return `${target.answer}: ${target.reason ?? NOT_ASKED}`;
}

const NOT_ASKED = 'unknown: the control plane was not asked';

function staged({ istio, agent }: Status): string {
  if (agent.state === 'misconfigured') return 'unknown: not looked at';
  if (istio.staged === null) return 'nothing';
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
