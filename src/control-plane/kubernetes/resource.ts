/** The name of a resource of the Kubernetes API: its path in a URL, and its name in a sentence. */

export interface Resource {
  /** API group; '' is the core group. */
  group: string;
  version: string;
  /** Plural, lower case, as in URLs: `workloadentries`. */
  plural: string;
  /** Absent for a resource that lies in no namespace. */
  namespace?: string;
  /** Absent for the whole collection. */
  name?: string;
  subresource?: string;
}

export type Verb = 'get' | 'list' | 'create' | 'patch';

/** The path below the server's URL, beginning with a slash. */
export function pathOf(resource: Resource): string {
  const parts = resource.group === '' ? ['api'] : ['apis', resource.group];
  parts.push(resource.version);
  if (resource.namespace !== undefined) parts.push('namespaces', resource.namespace);
  parts.push(resource.plural);
  if (resource.name !== undefined) parts.push(resource.name);
  if (resource.subresource !== undefined) parts.push(resource.subresource);
  return parts.map((part) => `/${encodeURIComponent(part)}`).join('');
}

/**
 * The right that a request needs, as an administrator grants it: `get
 * workloadgroups.networking.istio.io "reviews" in namespace "vm-apps"`.
 */
export function describeRequest(verb: Verb, resource: Resource): string {
  const kind = resource.subresource === undefined ? resource.plural : `${resource.plural}/${resource.subresource}`;
  const full = resource.group === '' ? kind : `${kind}.${resource.group}`;
  const name = resource.name === undefined ? '' : ` "${resource.name}"`;
  const where = resource.namespace === undefined ? '' : ` in namespace "${resource.namespace}"`;
  return `${verb} ${full}${name}${where}`;
}
