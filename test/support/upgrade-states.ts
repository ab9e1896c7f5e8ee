/**
 * The states of the agent's own upgrade, by the code that names them: a machine for each state, and what each event of
 * the diagram in docs/self-upgrade.md changes about that machine. test/docs.test.ts compares the two.
 */
import { policyOf } from '../../src/control-plane/target/agent-policy.ts';
import { decide } from '../../src/decision/decide.ts';
import { wantedAgent } from '../../src/decision/wanted-agent.ts';
import type { AgentObservation } from '../../src/observation/observation.ts';
import { upgradeSummary } from '../../src/status/own-version.ts';
import type { Failure, UpgradeState } from '../../src/status/status.ts';
import type { Probation } from '../../src/versions/probation.ts';
import type { VersionRejection } from '../../src/versions/rejections.ts';
import { AGENT, config, minutesAgo, NOW, OLD, observed, wants } from './observed.ts';

const [BEFORE, RUNS, NEXT] = ['0.2.0', '0.3.0', '0.4.0'];

interface Machine {
  agent: AgentObservation;
  /** What ConfigMap smm-agent names; null without a ConfigMap. */
  named: string | null;
  isHeld: boolean;
  allow: string;
  failure: Failure | null;
}

const probation: Probation = {
  id: 'abcd0123',
  from: RUNS,
  to: NEXT,
  previous: BEFORE,
  begun: minutesAgo(1).toISOString(),
  deadline: 100,
  extended: 0,
};
const rejection: VersionRejection = {
  how: 'refused',
  id: 'abcd0123',
  instead: RUNS,
  reason: 'its self-check failed',
  count: 1,
  at: minutesAgo(5),
  retryAt: new Date(NOW.getTime() + 86_400_000),
};
const rejected = new Map([[NEXT, rejection]]);

const agent: AgentObservation = { ...AGENT, running: RUNS, installed: RUNS, previous: BEFORE };
const current: Machine = { agent, named: RUNS, isHeld: false, allow: '>=0.2.0', failure: null };
const waiting: Machine = { ...current, named: NEXT };

/** The new version runs, and is not confirmed yet. */
function onTrial(machine: Machine): Machine {
  return { ...machine, agent: { ...machine.agent, running: NEXT, installed: NEXT, previous: RUNS, probation } };
}

export const MACHINES: Readonly<Record<UpgradeState, Machine>> = {
  off: { ...current, named: null },
  current,
  waiting,
  held: { ...waiting, isHeld: true },
  failing: { ...waiting, failure: { step: 'upgrade-agent', sentence: 'cannot download it', blocked: false } },
  probation: onTrial(waiting),
  rejected: { ...waiting, agent: { ...agent, rejected } },
};

type Event = (before: Machine) => Machine;

/** After `smm-agent rollback` from a confirmed version: the version before is on probation. */
function goneBack(machine: Machine): Machine {
  const left = { version: RUNS, for: BEFORE, at: NOW.toISOString() };
  const back = { ...probation, from: RUNS, to: BEFORE };
  return {
    ...machine,
    agent: { ...machine.agent, running: BEFORE, installed: BEFORE, previous: RUNS, left, probation: back },
  };
}

/** After `smm-agent rollback` from a version on probation: the probation is over, and the version before runs. */
function undone(machine: Machine): Machine {
  return { ...machine, agent: { ...agent, left: { version: NEXT, for: RUNS, at: NOW.toISOString() } } };
}

/** By the words of the diagram. */
export const EVENTS: Readonly<Record<string, Event>> = {
  'the ConfigMap names the running version': (before) => ({ ...before, named: before.agent.running }),
  'the ConfigMap names another version': (before) => ({ ...before, named: NEXT }),
  'the ConfigMap is deleted': (before) => ({ ...before, named: null }),
  'agent.allow does not permit the version': (before) => ({ ...before, named: NEXT, allow: `<${NEXT}` }),
  'smm-agent hold': (before) => ({ ...before, isHeld: true }),
  'smm-agent unhold': (before) => ({ ...before, isHeld: false }),
  'the download fails': (before) => ({ ...before, failure: MACHINES.failing.failure }),
  // The switch was made, and the restart is due.
  'a later try succeeds': (before) => ({
    ...before,
    failure: null,
    agent: { ...before.agent, installed: NEXT, probation },
  }),
  'the new version fails its self-check': (before) => ({ ...before, agent: { ...before.agent, rejected } }),
  'the agent restarts as the new version': onTrial,
  'the deadline extends it': (before) => ({
    ...before,
    agent: { ...before.agent, probation: { ...probation, extended: 1 } },
  }),
  'it confirms itself': (before) => ({ ...before, agent: { ...before.agent, probation: null } }),
  'it is rolled back': (before) => ({ ...before, agent: { ...agent, rejected } }),
  'its time is over, or smm-agent retry': (before) => ({ ...before, agent: { ...before.agent, rejected: new Map() } }),
  'smm-agent rollback': (before) => (before.agent.probation === null ? goneBack(before) : undone(before)),
  'the version before confirms itself, after smm-agent rollback': () => {
    const machine = goneBack(current);
    return { ...machine, agent: { ...machine.agent, probation: null } };
  },
};

/** The state that `smm-agent status` shows on this machine. */
export async function stateOf({ agent, named, isHeld, allow, failure }: Machine): Promise<UpgradeState> {
  const settings = { ...config({ hold: isHeld }), agent: { allow } };
  const policy = policyOf([{ name: 'smm-agent', data: named === null ? null : { agentVersion: named } }]);
  const observation = observed({ agent });
  const agentWanted = await wantedAgent(policy, settings, agent.running);
  const decision = decide({
    observation,
    wanted: wants(OLD),
    agentWanted,
    config: settings,
    attempts: new Map(),
    adoptedRevision: null,
  });
  return upgradeSummary({ observation, agentWanted, decision, failures: failure === null ? [] : [failure] }).state;
}
