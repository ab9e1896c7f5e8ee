/**
 * Which version of Istio's networking API this cluster serves:
 * v1 since 1.22, older meshes have v1beta1 or v1alpha3 only.
 */
import { z } from 'zod';
import { invalidAnswer } from './answer-failure.ts';
import type { KubernetesClient } from './client.ts';

const KNOWN = ['v1', 'v1beta1', 'v1alpha3'] as const;
const Group = z.object({ versions: z.array(z.object({ version: z.string() })) });

export class IstioApi {
  readonly #client: KubernetesClient;
  #version: string | null = null;

  constructor(client: KubernetesClient) {
    this.#client = client;
  }

  /** Asked once and then remembered. Rejects with `missing` when Istio's CRDs are not installed. */
  async version(): Promise<string> {
    if (this.#version !== null) return this.#version;
    const group = await this.#client.apiGroup('networking.istio.io', Group);
    const served = new Set(group.versions.map(({ version }) => version));
    const best = KNOWN.find((version) => served.has(version));
    if (best === undefined) throw invalidAnswer('find the API of Istio', `it serves only ${[...served].join(', ')}`);
    this.#version = best;
    return best;
  }

  /** After an upgrade of Istio's CRDs another version can be served: asks again at the next use. */
  forget(): void {
    this.#version = null;
  }
}
