/** Which revision a namespace asks for, and what that name means. Decisions only: nothing here asks the API server. */
import type { Target } from './target.ts';

/** Why there is no revision: an answer for the operator. */
export type Unresolved = Extract<Target, { answer: 'missing' | 'ambiguous' | 'forbidden' }>;

export type Asked = { answer: 'asked'; revision: string } | Extract<Target, { answer: 'missing' }>;

/** What the namespace's labels ask for. `istio-injection` wins over `istio.io/rev`, as in Istio's own webhooks. */
export function askedBy(namespace: string, labels: Readonly<Record<string, string>>): Asked {
  const injection = labels['istio-injection'];
  const revision = labels['istio.io/rev'];
  if (injection === 'enabled') return { answer: 'asked', revision: 'default' };
  if (injection !== undefined) {
    const reason = `namespace ${namespace} asks for no Istio: its label istio-injection is "${injection}"`;
    return { answer: 'missing', reason };
  }
  if (revision !== undefined && revision !== '') return { answer: 'asked', revision };
  const reason = `namespace ${namespace} asks for no Istio: it has neither the label istio.io/rev nor istio-injection=enabled`;
  return { answer: 'missing', reason };
}

/** Where the objects of a revision would lie, from its name alone. */
export interface Place {
  /** Namespace of istiod, its ConfigMaps and the gateway. */
  namespace: string;
  /**
   * What follows `istiod-`, `istio-` and `istio-sidecar-injector-` in object names; '' for the unrevisioned install.
   */
  suffix: string;
}

/**
 * Service Mesh Manager calls a revision `<control plane>.<namespace>`, the dots of the control plane's name being
 * dashes; that control plane lives in that namespace. Null for a name of any other form.
 */
export function serviceMeshManagerPlace(revision: string): Place | null {
  const dot = revision.indexOf('.');
  if (dot <= 0 || dot === revision.length - 1) return null;
  return { namespace: revision.slice(dot + 1), suffix: revision.slice(0, dot) };
}

export function plainPlace(istioNamespace: string, revision: string): Place {
  return { namespace: istioNamespace, suffix: revision === 'default' ? '' : revision };
}

/** The facts of the cluster about a name. Null if the agent has no right to read them. */
export interface TagFacts {
  /** `istio.io/rev` of the Services in Istio's namespace that are the tag of this name (Istio 1.28 and later). */
  services: readonly string[];
  /** `istio.io/rev` of the mutating webhooks that are the tag of this name in this mesh. */
  webhooks: readonly string[] | null;
}

/** The revision that a tag names, null when no known tag has this name. */
export function taggedRevision(name: string, { services, webhooks }: TagFacts): string | null | Unresolved {
  const named = [...new Set([...services, ...(webhooks ?? [])])].sort();
  if (named.length < 2) return named[0] ?? null;
  const reason =
    `the tag ${name} is ambiguous: Services name ${listed(services)}, webhooks name ${listed(webhooks ?? [])}; ` +
    'set the tag again so that they agree';
  return { answer: 'ambiguous', reason };
}

/** The answer for a name that is neither a tag nor a revision. */
export function unresolved(name: string, istioNamespace: string, facts: { webhooksKnown: boolean }): Unresolved {
  if (!facts.webhooksKnown) {
    const reason =
      `cannot tell what revision "${name}" is: no istiod has it, and whether it is a tag is not known, ` +
      'because the right "list mutatingwebhookconfigurations.admissionregistration.k8s.io" is missing';
    return { answer: 'forbidden', reason };
  }
  const reason = `revision "${name}" is not in this cluster: no tag and no istiod in ${istioNamespace} has that name`;
  return { answer: 'missing', reason };
}

function listed(revisions: readonly string[]): string {
  return revisions.length === 0 ? 'none' : [...new Set(revisions)].sort().join(' and ');
}
