/** The suite of the control plane on the real API server, with Istio's own CRDs. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { policyCases } from '../control-plane/suite/policy.ts';
import { controlPlaneSuite } from '../control-plane/suite.ts';
import type { KubeObject } from '../sandbox/control-plane/object.ts';
import { istioctlCases } from './control-plane/istioctl-cases.ts';
import { startLoopbackApiServer } from './control-plane/loopback-api-server.ts';
import { openLab } from './lab/lab.ts';
import { etcd, istioctl, kubeApiserver } from './lab/parts/go-parts.ts';

const lab = openLab();
const folder = join(lab.state.folder, `api-server-${process.pid}`);

controlPlaneSuite('the real API server', async () => {
  const programs = { etcd: await etcd(), kubeApiserver: await kubeApiserver() };
  const server = await startLoopbackApiServer(lab.ledger, folder, programs);
  return {
    server: server.url,
    ca: server.ca,
    admin: server.admin,
    istioDefinitions: istioDefinitions(lab.state.parts.istioModuleDir),
    stormWrites: 1000,
    kill: server.kill,
    start: server.start,
    close: server.close,
  };
}, [policyCases, istioctlCases(istioctl, () => folder)]);

function istioDefinitions(moduleDir: string): KubeObject[] {
  const text = readFileSync(join(moduleDir, 'manifests/charts/base/files/crd-all.gen.yaml'), 'utf8');
  const wanted = ['workloadgroups.networking.istio.io', 'workloadentries.networking.istio.io'];
  const all = parseAllDocuments(text).map((document) => document.toJS() as KubeObject | null);
  return all.filter((object) => object !== null).filter(({ metadata }) => wanted.includes(metadata.name));
}
