/**
 * What the control plane wants of the agents themselves: ConfigMap smm-agent in the namespace of istiod and, with
 * precedence, that of the revision. Decisions only: target-reader.ts reads the two.
 */
import { z } from 'zod';
import { nearest } from '../../base/nearest.ts';
import { type PackageDigests, parseDigests } from './package-digests.ts';

/** Keys of the ConfigMap; each key is taken from the more specific ConfigMap that has it. */
const Wishes = z.object({
  agentVersion: z.string().trim().optional(),
  minAgentVersion: z.string().trim().optional(),
  /** Base URL of the signed repository. */
  repository: z.url({ protocol: /^https$/ }).optional(),
  /** Agents stay on their present version. */
  hold: z.enum(['true', 'false']).optional(),
  /** Which packages of Istio a mirror may offer: package-digests.ts. */
  istioDigests: z.string().optional(),
});
const KEYS = Object.keys(Wishes.shape);

export interface AgentWishes {
  agentVersion: string | null;
  /** An older agent stages no Istio. */
  minAgentVersion: string | null;
  repository: string | null;
  hold: boolean;
  /** Absent if no packages of Istio are pinned. */
  istioDigests?: PackageDigests;
  /** Names of the ConfigMaps, for sentences. */
  source: string;
  /** Sentences about keys that have no effect. */
  doubts: string[];
}

export type AgentPolicy =
  | ({ answer: 'wishes' } & AgentWishes)
  /** There is no such ConfigMap: agents are not upgraded by the control plane. */
  | { answer: 'absent'; reason: string }
  /** A value in it cannot be used: nothing is done. The digests still count, unless they are that value. */
  | { answer: 'invalid'; reason: string; istioDigests?: PackageDigests | 'unusable' }
  /**
   * The control plane was not asked, gave no answer, or has not named
   * a revision yet. `isForbidden`: this machine has no right to ask.
   */
  | { answer: 'unknown'; reason: string; isForbidden?: true };

/** A ConfigMap with its data, null if there is no such ConfigMap. */
export interface NamedData {
  name: string;
  data: Readonly<Record<string, string>> | null;
}

/**
 * The names of the ConfigMaps, the more specific first; `suffix` is that
 * of the revision's other ConfigMaps, empty for the unrevisioned install.
 */
export function policyNames(suffix: string): string[] {
  return suffix === '' ? ['smm-agent'] : [`smm-agent-${suffix}`, 'smm-agent'];
}

/** `found` in the order of `policyNames`. */
export function policyOf(found: readonly NamedData[]): AgentPolicy {
  const present = found.filter((one): one is NamedData & { data: Record<string, string> } => one.data !== null);
  if (present.length === 0) {
    const names = found.map(({ name }) => name).join(' or ');
    return { answer: 'absent', reason: `ConfigMap ${names} not found` };
  }
  const digests = digestsOf(present);
  if (digests !== null && 'problem' in digests) {
    const reason = `ConfigMap ${digests.name} cannot be used: istioDigests: ${digests.problem}`;
    return { answer: 'invalid', reason, istioDigests: 'unusable' };
  }
  const pinned = digests === null ? {} : { istioDigests: digests.digests };
  const wishes: Partial<z.infer<typeof Wishes>> = {};
  for (const { name, data } of present.toReversed()) {
    const parsed = Wishes.safeParse(data);
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      return {
        answer: 'invalid',
        reason: `ConfigMap ${name} cannot be used: ${issue?.path.join('.')} ${wordsFor(issue)}`,
        ...pinned,
      };
    }
    Object.assign(wishes, parsed.data);
  }
  return {
    answer: 'wishes',
    agentVersion: wishes.agentVersion || null,
    minAgentVersion: wishes.minAgentVersion || null,
    repository: wishes.repository ?? null,
    hold: wishes.hold === 'true',
    ...pinned,
    source: present.map(({ name }) => `ConfigMap ${name}`).join(', '),
    doubts: present.flatMap(({ name, data }) => unknownKeys(name, data)),
  };
}

/** The digests of the more specific ConfigMap that has any. */
function digestsOf(present: readonly { name: string; data: Readonly<Record<string, string>> }[]) {
  for (const { name, data } of present) {
    if (data.istioDigests === undefined) continue;
    const digests = parseDigests(data.istioDigests);
    return 'problem' in digests ? { name, problem: digests.problem } : { name, digests };
  }
  return null;
}

function wordsFor(issue: z.core.$ZodIssue | undefined): string {
  if (issue?.path[0] === 'hold') return 'must be "true" or "false"';
  return issue?.path[0] === 'repository' ? 'must be a URL that begins with https://' : (issue?.message ?? '');
}

/** Sentences and no error: a key of a later version must not keep an older agent from becoming that version. */
function unknownKeys(name: string, data: Readonly<Record<string, string>>): string[] {
  return Object.keys(data)
    .filter((key) => !KEYS.includes(key))
    .map((key) => {
      const close = nearest(key, KEYS);
      const hint = close === null ? '' : ` (did you mean ${close}?)`;
      return `ConfigMap ${name} has a key ${key}, which this version does not know${hint}`;
    });
}
