/** metadata.managedFields as a real API server adds them. Without them, the measured answers would be too small. */
import type { KubeObject } from './object.ts';

export function managedFields(object: KubeObject): object[] {
  const { apiVersion, status, metadata, kind: _, ...rest } = object;
  const labels = { labels: metadata.labels ?? {}, annotations: metadata.annotations ?? {} };
  const time = '2026-11-23T10:00:00Z';
  const entry = (manager: string, fields: unknown, more: object) => {
    return {
      apiVersion,
      fieldsType: 'FieldsV1',
      fieldsV1: fieldsOf(fields),
      manager,
      operation: 'Update',
      time,
      ...more,
    };
  };
  const written = [entry('helm', { metadata: labels, ...rest }, {})];
  if (status !== undefined) written.push(entry('kube-controller-manager', { status }, { subresource: 'status' }));
  return written;
}

function fieldsOf(value: unknown): object {
  if (Array.isArray(value))
    return Object.fromEntries(value.map((item, index) => [`k:{"name":"${index}"}`, fieldsOf(item)]));
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [`f:${key}`, fieldsOf(inner)]));
}
