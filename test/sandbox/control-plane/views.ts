/** The forms of an answer, by the Accept header: the whole object, only metadata, or the table for kubectl. */
import type { KubeObject } from './object.ts';

/** `list` says whether `value` is a list with `items`. */
export function viewOf(accept: string, value: object, list: boolean): object {
  if (accept.includes('as=PartialObjectMetadataList')) {
    const { items, ...rest } = value as { items: KubeObject[] };
    return { ...rest, ...meta('PartialObjectMetadataList'), items: items.map(partial) };
  }
  if (accept.includes('as=PartialObjectMetadata') && !list) return partial(value as KubeObject);
  if (accept.includes('as=Table') && !list) return table(value as KubeObject);
  return value;
}

function partial({ metadata }: KubeObject): object {
  return { ...meta('PartialObjectMetadata'), metadata };
}

/** As long as the real table: the column definitions contain the documentation of their fields. */
function table({ metadata }: KubeObject): object {
  const column = (name: string, description: string) => ({
    name,
    type: 'string',
    format: 'name',
    description,
    priority: 0,
  });
  return {
    ...meta('Table'),
    metadata: { resourceVersion: metadata.resourceVersion },
    columnDefinitions: [
      column('Name', 'Name must be unique within a namespace. Is required when creating resources. '.repeat(4)),
      column(
        'Age',
        'CreationTimestamp is a timestamp representing the server time when this object was created. '.repeat(4),
      ),
    ],
    rows: [{ cells: [metadata.name, '5m'], object: null }],
  };
}

function meta(kind: string) {
  return { kind, apiVersion: 'meta.k8s.io/v1' };
}
