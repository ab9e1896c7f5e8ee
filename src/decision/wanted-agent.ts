/** Which version of the agent is wanted here: the one that the control plane names, if this machine allows it. */
import type { Config } from '../config/schema.ts';
import type { AgentPolicy } from '../control-plane/target/agent-policy.ts';
import { knowsProbation } from '../versions/version.ts';
import { vouchedBy } from './package-pin.ts';

export type AgentWanted = {
  /** The oldest version that may stage Istio, null if the control plane names none; `met`: this agent is new enough. */
  least: { version: string; met: boolean } | null;
  /** Base URL of the repository, null if none is configured. */
  repository: string | null;
  /** What protects Istio's packages, in words. */
  packages?: string;
  /** Who holds agents on their version, also if no other version is wanted; left out if there is no hold. */
  heldBy?: string;
} & (
  | { answer: 'version'; version: string; step: 'same' | 'upgrade' | 'downgrade' }
  /** No version is wanted: `reason` says why. */
  | { answer: 'off'; reason: string }
  /** `by`: `hold` of this machine, or of the control plane. */
  | { answer: 'held'; by: 'machine' | 'control-plane'; version: string; reason: string }
  | { answer: 'not-allowed'; version: string; reason: string }
  /** The control plane's settings cannot be understood. */
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
    const reason = `${source}: ${key} is not a version: ${JSON.stringify(value)}`;
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
    const reason = `smm-agent ${version} does not support probation, so the agent cannot switch to it: install its package`;
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
