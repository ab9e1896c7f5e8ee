/**
 * What `istioctl` makes of an installation, as far as anyone reads it: the objects that the agent resolves a target
 * from.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { AdminOptions } from '../../sandbox/control-plane/admin.ts';
import type { KubeObject } from '../../sandbox/control-plane/object.ts';
import { must } from '../lab/host/run.ts';

/** The others (accounts, rights, CRDs, a budget, an autoscaler) are for controllers that do not run here. */
const READ: ReadonlySet<string> = new Set([
  'ConfigMap',
  'Deployment',
  'Service',
  'MutatingWebhookConfiguration',
  'ValidatingWebhookConfiguration',
]);

/** `istioctl manifest generate` with these arguments. */
export async function manifest(istioctl: string, ...args: string[]): Promise<KubeObject[]> {
  return objects(await must([istioctl, 'manifest', 'generate', ...args]));
}

/** `istioctl tag generate`, which looks for the revision in the cluster. */
export async function tag(istioctl: string, kubeconfig: string, ...args: string[]): Promise<KubeObject[]> {
  return objects(await must([istioctl, '--kubeconfig', kubeconfig, 'tag', 'generate', ...args]));
}

/** Returns the path of a file with which istioctl is the administrator. */
export function writeKubeconfig(folder: string, { server, ca, token }: AdminOptions): string {
  const path = join(folder, 'kubeconfig');
  const authority = Buffer.from(ca).toString('base64');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'lab', cluster: { server, 'certificate-authority-data': authority } }],
    users: [{ name: 'admin', user: { token } }],
    contexts: [{ name: 'lab', context: { cluster: 'lab', user: 'admin' } }],
    'current-context': 'lab',
  };
  writeFileSync(path, JSON.stringify(config), { mode: 0o600 });
  return path;
}

function objects(text: string): KubeObject[] {
  const all = parseAllDocuments(text).map((document) => document.toJS() as KubeObject | null);
  return all.filter((object) => object !== null).filter(({ kind }) => READ.has(kind));
}
