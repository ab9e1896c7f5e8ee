/** What a request asks of the embedded API server: kind, object and verb, from method and path. */
import { ApiFailure } from './failure.ts';
import type { Kind } from './kinds.ts';
import type { Attempt } from './rights.ts';

export interface Wanted extends Attempt {
  /** Where the object lies: '' for cluster-scoped ones, Namespaces included. */
  objectNamespace: string;
}

/** Null when the path names no kind that is served: the real server answers that with plain text. */
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
  // Rights on a Namespace itself can be granted by a Role in it.
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

/** Equality selectors only: `app=istiod,istio.io/rev=canary`. */
export function matches(labels: Record<string, string>, selector: string | null): boolean {
  if (selector === null || selector === '') return true;
  return selector.split(',').every((term) => {
    const [key = '', value = ''] = term.split(/==?/);
    return labels[key] === value;
  });
}
