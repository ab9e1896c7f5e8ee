/** The manifests of packaging/kubernetes, as shipped. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { KubeObject } from '../sandbox/control-plane/object.ts';

const FOLDER = join(import.meta.dirname, '../../packaging/kubernetes');

export interface Rule {
  apiGroups: string[];
  resources: string[];
  verbs: string[];
  resourceNames?: string[];
}

export async function shipped(file: string, replace: Record<string, string> = {}): Promise<KubeObject[]> {
  const text = await readFile(join(FOLDER, file), 'utf8');
  const replaced = Object.entries(replace).reduce((all, [from, to]) => all.replaceAll(from, to), text);
  return parseAllDocuments(replaced).map((document) => document.toJS() as KubeObject);
}

/** The same Role once for each right in it, without that right. */
export function withoutEachRight(role: KubeObject): { right: string; role: KubeObject }[] {
  const rules = role.rules as Rule[];
  return rules.flatMap((rule, index) =>
    rule.verbs.map((verb) => {
      const verbs = rule.verbs.filter((other) => other !== verb);
      const less = rules
        .map((other, at) => (at === index ? { ...rule, verbs } : other))
        .filter((other) => other.verbs.length > 0);
      const right = `${verb} ${rule.resources.join()}${rule.resourceNames ? ` ${rule.resourceNames.join()}` : ''}`;
      return { right, role: { ...role, rules: less } };
    }),
  );
}
