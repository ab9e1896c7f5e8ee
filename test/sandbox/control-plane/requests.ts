/** Finds the kind, the object and the verb of a request from its method and path. */
import { ApiFailure } from './failure.ts';
import type { Kind } from './kinds.ts';
import type { Attempt } from './rights.ts';

export interface Wanted extends Attempt {
  /** The namespace of the object; '' for cluster-scoped objects, including Namespaces. */
  objectNamespace: string;
}

/** Null if the path names no served kind: the real server answers such a request with plain text. */
export function wantedBy(method: string, path: string, kinds: readonly Kind[]): Wanted | null {
  const parts = path.split('/').slice(1).map(decodeURIComponent);
  const group = parts[0] === 'apis' ? parts[1] : '';
  const [version, ...rest] = parts.slice(parts[0] === 'apis' ? 2 : 1);
  if (group === undefined || version === undefined) return null;
  const inNamespace = rest[0] === 'namespaces' && rest.length > 2;
  const [plural = '', name = '', subresource = ''] = inNamespace ? rest.slice(2) : rest;
  const objectNamespace = inNamespace ? (rest[1] ?? '') : '';
  const kind = kinds.find(
    (known) => known.group === group && known.plural === plural && known.versions.includes(version),
  );
  if (kind === undefined) return null;
  // A Role in a Namespace can also grant rights on the Namespace itself.
  const namespace = plural === 'namespaces' ? name : objectNamespace;
  return { verb: verbOf(method, name), kind, namespace, objectNamespace, name, subresource };
}

function verbOf(method: string, name: string): string {
  switch (method) {
    case 'GET':
      return name === '' ? 'list' : 'get';
    case 'POST':
      return 'create';
    case 'PUT':
      return 'update';
    case 'PATCH':
      return 'patch';
    case 'DELETE':
      return 'delete';
    default:
      throw new ApiFailure(405, 'MethodNotAllowed', `${method} is not allowed`);
  }
}

/** Supports only equality: `app=istiod,istio.io/rev=canary`. */
export function matches(labels: Record<string, string>, selector: string | null): boolean {
  if (selector === null || selector === '') return true;
  return selector.split(',').every((term) => {
    const [key = '', value = ''] = term.split(/==?/);
    return labels[key] === value;
  });
}
