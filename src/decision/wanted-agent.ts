/** Which version of the agent itself is wanted here: what the control plane says, within what this machine allows. */
import type { Config } from '../config/schema.ts';
import type { AgentPolicy } from '../control-plane/target/agent-policy.ts';
import { knowsProbation } from '../versions/version.ts';
import { vouchedBy } from './package-pin.ts';

export type AgentWanted = {
  /** The least version that may stage Istio, null where that is not said; `met`: this agent is one. */
  least: { version: string; met: boolean } | null;
  /** Base URL of the repository, null where nobody names one. */
  repository: string | null;
  /** Who vouches for Istio's packages, in words. */
  packages?: string;
  /** Who keeps agents on their version, whatever is wanted; left out where nobody does. */
  heldBy?: string;
} & (
  | { answer: 'version'; version: string; step: 'same' | 'upgrade' | 'downgrade' }
  /** Nobody asks for a version: `reason` says why. */
  | { answer: 'off'; reason: string }
  /** `by`: `hold` of this machine, or of the control plane. */
  | { answer: 'held'; by: 'machine' | 'control-plane'; version: string; reason: string }
  | { answer: 'not-allowed'; version: string; reason: string }
  /** What is asked for cannot be understood. */
  | { answer: 'invalid'; reason: string }
  | { answer: 'unknown'; reason: string }
);

/** `running` is the version of this process. */
export async function wantedAgent(policy: AgentPolicy, config: Config, running: string): Promise<AgentWanted> {
  const wanted = await wantedVersion(policy, config, running);
  const packages = vouchedBy(policy, config.istio.source);
  return packages === null ? wanted : { ...wanted, packages };
}

async function wantedVersion(policy: AgentPolicy, config: Config, running: string): Promise<AgentWanted> {
  const wanted = await withinPolicy(policy, config, running);
  if (config.hold) return { ...wanted, heldBy: 'this machine (hold: true)' };
  return policy.answer === 'wishes' && policy.hold ? { ...wanted, heldBy: policy.source } : wanted;
}

async function withinPolicy(policy: AgentPolicy, config: Config, running: string): Promise<AgentWanted> {
  const own = config.repository.url ?? null;
  const nothing = { least: null, repository: own };
  switch (policy.answer) {
    case 'absent':
      return { answer: 'off', reason: `agent upgrades are off: ${policy.reason}`, ...nothing };
    case 'invalid':
    case 'unknown':
      return { answer: policy.answer, reason: policy.reason, ...nothing };
    case 'wishes':
      break;
  }
  const semver = await import('../base/semver.ts');
  const { agentVersion: version, minAgentVersion, source } = policy;
  for (const [key, value] of Object.entries({ agentVersion: version, minAgentVersion })) {
    if (value === null || semver.valid(value) === value) continue;
    const reason = `${source}: ${key} is no version: ${JSON.stringify(value)}`;
    return { answer: 'invalid', reason, ...nothing };
  }
  const known = {
    least: minAgentVersion === null ? null : { version: minAgentVersion, met: semver.gte(running, minAgentVersion) },
    repository: own ?? policy.repository,
  };
  if (version === null) {
    return { answer: 'off', reason: `agent upgrades are off: ${source} names no agentVersion`, ...known };
  }
  if (version === running) return { answer: 'version', version, step: 'same', ...known };
  if (!(await knowsProbation(version))) {
    const reason = `smm-agent ${version} cannot be put on probation, and so not be switched to: install its package`;
    return { answer: 'not-allowed', version, reason, ...known };
  }
  if (config.hold) {
    return { answer: 'held', by: 'machine', version, reason: 'this machine is held (hold: true)', ...known };
  }
  if (policy.hold) {
    return { answer: 'held', by: 'control-plane', version, reason: `agents are held by ${source}`, ...known };
  }
  if (!semver.satisfies(version, config.agent.allow, { includePrerelease: true })) {
    const reason = `smm-agent ${version} is outside of what agent.allow permits here (${config.agent.allow})`;
    return { answer: 'not-allowed', version, reason, ...known };
  }
  return { answer: 'version', version, step: semver.gt(version, running) ? 'upgrade' : 'downgrade', ...known };
}
