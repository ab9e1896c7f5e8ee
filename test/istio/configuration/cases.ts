/** Test data, and what it takes to compare our files with istioctl's. */
import { readFileSync } from 'node:fs';
import type { Value } from '../../../src/istio/configuration/go/go-scalar.ts';
import type { VmInputs } from '../../../src/istio/configuration/inputs.ts';

/** The rows of a file of test data, one JSON value a line. */
export function readCases<T>(name: string): T[] {
  const text = readFileSync(new URL(`testdata/${name}`, import.meta.url), 'utf8');
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as T);
}

/** Inputs that render; a test changes what it is about. */
export function someInputs(changes: Partial<VmInputs> = {}): VmInputs {
  return {
    workloadGroup: someGroup({}),
    mesh: 'defaultConfig: {discoveryAddress: "istiod.istio-system.svc:15012"}\ntrustDomain: cluster.local\n',
    injectorValues: '{"global": {"multiCluster": {"clusterName": "Kubernetes"}}}',
    rootCert: '-----root-----\n',
    gateway: { status: { loadBalancer: { ingress: [{ ip: '10.77.0.1' }] } } },
    istioNamespace: 'istio-system',
    revision: 'canary',
    autoRegister: true,
    captureDNS: true,
    ...changes,
  };
}

export function someGroup(spec: Record<string, unknown>, annotations: Record<string, string> = {}) {
  return { metadata: { name: 'shop', namespace: 'vms', annotations }, spec };
}

/** A group whose own annotation is this ProxyConfig. */
export function annotated(proxyConfig: unknown) {
  const text = typeof proxyConfig === 'string' ? proxyConfig : JSON.stringify(proxyConfig);
  return someGroup({}, { 'proxy.istio.io/config': text });
}

/** A value of the YAML reader as JSON would have it. */
export function asJson(value: Value): unknown {
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [key, asJson(item)]));
  if (Array.isArray(value)) return value.map(asJson);
  if (typeof value === 'bigint' || Object.is(value, -0)) return Number(value) + 0;
  return value;
}
