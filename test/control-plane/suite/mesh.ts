/** A mesh of a case's own: its namespaces have names that no other case uses. */
import * as seed from '../../sandbox/control-plane/seed.ts';
import { type Agent, type AgentOptions, agentOn, type Fixture } from '../fixture.ts';

export interface Mesh {
  /** Where istiod lies. */
  istio: string;
  /** Where the machine's group lies. */
  apps: string;
  group: { namespace: string; name: string };
  /** An agent with the administrator's rights: rights are a matter of rights.ts. */
  agent(options?: Partial<AgentOptions>): Promise<Agent>;
}

/** Namespaces, the group `reviews` and a gateway; `labels` are those of the group's namespace. */
export async function makeMesh(fixture: Fixture, id: string, labels: Record<string, string>): Promise<Mesh> {
  const [istio, apps] = [`istio-${id}`, `apps-${id}`];
  const group = { namespace: apps, name: 'reviews' };
  await fixture.admin.applyAll([
    ...seed.namespace(istio),
    ...seed.namespace(apps, labels),
    seed.workloadGroup(apps, 'reviews'),
    seed.gateway('10.0.0.1', istio),
  ]);
  const agent = (options: Partial<AgentOptions> = {}) =>
    agentOn(fixture, { token: fixture.admin.ownToken, group, istioNamespace: istio, ...options });
  return { istio, apps, group, agent };
}
