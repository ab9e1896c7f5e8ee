/** What an operator sets for Istio in agent.yaml: `istio.env` and `istio.mesh`. */

/** `istio.env` and `istio.mesh` of agent.yaml: merged last, and the only ones that may set refused keys. */
export interface LocalConfiguration {
  env: Readonly<Record<string, string>>;
  mesh: Readonly<Record<string, unknown>>;
}

export const NO_LOCAL_CONFIGURATION: LocalConfiguration = { env: {}, mesh: {} };
