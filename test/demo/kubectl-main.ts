/**
 * A few commands of kubectl for the embedded control plane, for users of the demo: get, label, and `upgrade`, which
 * stands for istioctl upgrade. Arguments: server, token and CA file, then the command.
 */
import { readFileSync } from 'node:fs';
import { stringify } from 'yaml';
import { Admin } from '../sandbox/control-plane/admin.ts';
import { NAMESPACE, upgradeControlPlane } from '../sandbox/mesh.ts';

const HELP = `kubectl get workloadentry|workloadgroup|lease [<name>]
kubectl label namespace <name> <key>=<value>
kubectl upgrade <revision> <version>
`;

const KINDS: Record<string, string> = {
  workloadentry: 'apis/networking.istio.io/v1/namespaces/shop/workloadentries',
  we: 'apis/networking.istio.io/v1/namespaces/shop/workloadentries',
  workloadgroup: 'apis/networking.istio.io/v1/namespaces/shop/workloadgroups',
  wg: 'apis/networking.istio.io/v1/namespaces/shop/workloadgroups',
  lease: 'apis/coordination.k8s.io/v1/namespaces/shop/leases',
  leases: 'apis/coordination.k8s.io/v1/namespaces/shop/leases',
};

const [server = '', token = '', caFile = '', verb, ...rest] = process.argv.slice(2);
// Options of the real kubectl have no effect: there is one namespace, and the output is YAML.
const words = rest.filter((word, at) => !word.startsWith('-') && !['-n', '-o'].includes(rest[at - 1] ?? ''));
const admin = new Admin({ server, token, ca: readFileSync(caFile, 'utf8') });
process.exitCode = await command(verb, words);

async function command(verb: string | undefined, [first = '', second = '', third = '']: string[]): Promise<number> {
  const place = KINDS[first];
  if (verb === 'get' && place !== undefined) {
    const { body, status } = await admin.send('GET', `/${place}${second === '' ? '' : `/${second}`}`);
    process.stdout.write(
      stringify(body, (key, value) => (key === 'managedFields' ? undefined : value), { lineWidth: 0 }),
    );
    return status === 200 ? 0 : 1;
  }
  if (verb === 'label' && first === 'namespace') {
    const [key = '', value = ''] = third.split('=');
    const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: second || NAMESPACE } };
    await admin.change(object, { metadata: { labels: { [key]: value } } });
    return 0;
  }
  if (verb === 'upgrade' && second !== '') {
    await upgradeControlPlane(admin, { name: first, version: second });
    return 0;
  }
  process.stderr.write(HELP);
  return 64;
}
