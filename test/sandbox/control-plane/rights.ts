/** Which user may do what: tokens, and the Roles, ClusterRoles and bindings in the store, evaluated like RBAC. */
import { randomBytes } from 'node:crypto';
import { ApiFailure } from './failure.ts';
import type { Kind } from './kinds.ts';
import type { KubeObject } from './object.ts';
import type { Store } from './store.ts';

export interface Attempt {
  verb: string;
  kind: Kind;
  /** The namespace whose Roles count; for a Namespace, its own name. '' if only ClusterRoles count. */
  namespace: string;
  name: string;
  subresource: string;
}

interface Rule {
  apiGroups?: string[];
  resources?: string[];
  verbs?: string[];
  resourceNames?: string[];
}

const ADMIN = 'system:admin';

export class Rights {
  readonly adminToken = randomBytes(16).toString('hex');
  readonly #users = new Map<string, string>([[this.adminToken, ADMIN]]);

  /** Issues another token of a service account. The earlier tokens stay valid. */
  issue(namespace: string, serviceAccount: string): string {
    const token = randomBytes(16).toString('hex');
    this.#users.set(token, `system:serviceaccount:${namespace}:${serviceAccount}`);
    return token;
  }

  /** The user of a request. Throws 401 if the token is unknown. */
  userOf(authorization: string | undefined): string {
    const user = this.#users.get(authorization?.replace(/^Bearer /, '') ?? '');
    if (user === undefined) throw new ApiFailure(401, 'Unauthorized', 'Unauthorized');
    return user;
  }

  /** Throws 403, with the text of the real API server, if the user may not do this. */
  check(user: string, attempt: Attempt, store: Store, kinds: readonly Kind[]): void {
    if (user === ADMIN || grants(user, attempt, store, kinds)) return;
    const { verb, kind, namespace, name, subresource } = attempt;
    const resource = subresource === '' ? kind.plural : `${kind.plural}/${subresource}`;
    const what = `${kind.plural}${kind.group === '' ? '' : `.${kind.group}`}${name === '' ? '' : ` "${name}"`}`;
    const where = namespace === '' ? 'at the cluster scope' : `in the namespace "${namespace}"`;
    const can = `User "${user}" cannot ${verb} resource "${resource}" in API group "${kind.group}" ${where}`;
    throw new ApiFailure(403, 'Forbidden', `${what} is forbidden: ${can}`);
  }
}

function grants(user: string, attempt: Attempt, store: Store, kinds: readonly Kind[]): boolean {
  const all = (plural: string, namespace: string) => {
    const kind = kinds.find((known) => known.plural === plural && known.group === 'rbac.authorization.k8s.io');
    return kind === undefined ? [] : store.list(kind, namespace);
  };
  const bindings = [
    ...all('clusterrolebindings', ''),
    ...(attempt.namespace === '' ? [] : all('rolebindings', attempt.namespace)),
  ];
  return bindings
    .filter((binding) => binds(binding, user))
    .some((binding) => {
      const role = binding.roleRef as { kind: string; name: string };
      const roles = role.kind === 'ClusterRole' ? all('clusterroles', '') : all('roles', attempt.namespace);
      const rules = roles.find(({ metadata }) => metadata.name === role.name)?.rules as Rule[] | undefined;
      return (rules ?? []).some((rule) => allows(rule, attempt));
    });
}

function binds(binding: KubeObject, user: string): boolean {
  const subjects = binding.subjects as { kind: string; name: string; namespace?: string }[] | undefined;
  const inBinding = binding.metadata.namespace;
  return (subjects ?? []).some(
    ({ kind, name, namespace }) =>
      kind === 'ServiceAccount' && user === `system:serviceaccount:${namespace ?? inBinding}:${name}`,
  );
}

function allows(rule: Rule, { verb, kind, name, subresource }: Attempt): boolean {
  const resource = subresource === '' ? kind.plural : `${kind.plural}/${subresource}`;
  const has = (list: string[] | undefined, value: string) =>
    (list ?? []).some((item) => item === value || item === '*');
  const named = rule.resourceNames === undefined || rule.resourceNames.includes(name);
  return has(rule.apiGroups, kind.group) && has(rule.resources, resource) && has(rule.verbs, verb) && named;
}
