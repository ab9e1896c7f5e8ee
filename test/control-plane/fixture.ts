/** What the suite needs of an API server, embedded or real, and an agent's view of it. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { KubernetesClient } from '../../src/control-plane/kubernetes/client.ts';
import { IstioApi } from '../../src/control-plane/kubernetes/istio-api.ts';
import type { EntryReport } from '../../src/control-plane/report/entry-report.ts';
import type { EntryIdentity } from '../../src/control-plane/report/find-entry.ts';
import { HeartbeatLease } from '../../src/control-plane/report/lease.ts';
import type { Versions } from '../../src/control-plane/report/lease-object.ts';
import { WorkloadEntryReporter } from '../../src/control-plane/report/workload-entry.ts';
import { TargetReader } from '../../src/control-plane/target/target-reader.ts';
import type { Admin } from '../sandbox/control-plane/admin.ts';
import type { KubeObject } from '../sandbox/control-plane/object.ts';

export interface Fixture {
  server: string;
  /** PEM. */
  ca: string;
  admin: Admin;
  /** Istio's CRDs as this server is to have them. */
  istioDefinitions: KubeObject[];
  /** How many acknowledged writes the storm goes on for. */
  stormWrites: number;
  /** Ends the server as SIGKILL does; its objects stay. */
  kill(): Promise<void>;
  start(): Promise<void>;
  close(): Promise<void>;
}

/** All that one machine's agent has of the control plane, with its credentials in files of their own. */
export interface Agent extends AsyncDisposable {
  client: KubernetesClient;
  target: TargetReader;
  reporter: WorkloadEntryReporter;
  lease: HeartbeatLease;
  setToken(token: string): Promise<void>;
}

export interface AgentOptions {
  token: string;
  group: { namespace: string; name: string };
  istioNamespace?: string;
  nodeIp?: string;
  deadlineMs?: number;
  /** The machine keeps its own configuration. */
  keeps?: boolean;
}

export async function agentOn({ server, ca }: Pick<Fixture, 'server' | 'ca'>, options: AgentOptions): Promise<Agent> {
  const { group, istioNamespace = 'istio-system', nodeIp = '10.0.0.5', deadlineMs = 10_000, keeps = false } = options;
  const folder = await mkdtemp(join(tmpdir(), 'smm-test-'));
  const [caFile, tokenFile] = [join(folder, 'ca.crt'), join(folder, 'token')];
  const setToken = (token: string) => writeFile(tokenFile, `${token}\n`);
  await Promise.all([writeFile(caFile, ca), setToken(options.token)]);
  const client = new KubernetesClient({ server, caFile, tokenFile, deadlineMs });
  const istio = new IstioApi(client);
  return {
    client,
    target: new TargetReader(client, istio, { group, istioNamespace, nodeIp, keeps }),
    reporter: new WorkloadEntryReporter(client, istio, { group }),
    lease: new HeartbeatLease(client, { group, host: 'vm1', machineId: `${nodeIp} machine` }),
    setToken,
    [Symbol.asyncDispose]: async () => {
      client.close();
      await rm(folder, { recursive: true });
    },
  };
}

export const identity = (address = '10.0.0.5'): EntryIdentity => ({
  addresses: [address],
  network: null,
  groupLabels: { app: 'reviews' },
});

export const report = (words: string): EntryReport => ({
  pending: { status: 'True', reason: 'NewRelease', message: words },
  agent: { status: 'True', reason: 'Working', message: words },
  messages: [
    {
      type: { name: 'IstioRestartPending', code: 'SMM0001' },
      level: 'ERROR',
      documentationUrl: 'https://example.com/SMM0001',
    },
  ],
});

export const versions: Versions = {
  agent: '1.0.0',
  agentWanted: '1.0.1',
  heldBy: 'ConfigMap smm-agent',
  istioRunning: '1.30.5',
  istioStaged: '1.31.1',
  istioWanted: '1.31.1',
  restartPending: 'yes',
};

/** Asks until the answer is accepted: a real API server takes some time to hear of new rights, kinds and policies. */
export async function eventually<T>(ask: () => Promise<T>, accept: (answer: T) => boolean): Promise<T> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    const answer = await ask();
    if (accept(answer)) return answer;
    if (performance.now() > deadline) throw new Error(`not accepted within 20 s: ${JSON.stringify(answer)}`);
    await delay(50);
  }
}
