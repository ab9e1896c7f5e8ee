/** The objects from which the VM's configuration is made: the inputs of `istioctl x workload entry configure`. */
import { z } from 'zod';

export const VmInputs = z.object({
  /** The WorkloadGroup as the API server returned it. Checked further where it is used. */
  workloadGroup: z.record(z.string(), z.unknown()),
  /** Key `mesh` of ConfigMap `istio[-<rev>]`; null or absent counts as empty. */
  mesh: z.string().nullish(),
  /** Key `values` of ConfigMap `istio-sidecar-injector[-<rev>]`. */
  injectorValues: z.string().nullish(),
  /** Key `root-cert.pem` of ConfigMap `istio-ca-root-cert` in the group's namespace. */
  rootCert: z.string().nullish(),
  /** Service `istio-eastwestgateway` in Istio's namespace. */
  gateway: z.record(z.string(), z.unknown()).nullish(),
  /**
   * Objects that the control plane lacks, each with a sentence. Only
   * a machine that keeps its own configuration goes on without them.
   */
  lacking: z.object({ mesh: z.string(), injectorValues: z.string(), rootCert: z.string() }).partial().optional(),
  istioNamespace: z.string(),
  /** The resolved revision; empty or `default` is the unrevisioned install. */
  revision: z.string().nullish(),
  /** Instead of the cluster name of `injectorValues`. */
  clusterID: z.string().nullish(),
  internalIP: z.string().nullish(),
  externalIP: z.string().nullish(),
  /** Instead of the gateway's address. */
  ingressIP: z.string().nullish(),
  autoRegister: z.boolean(),
  captureDNS: z.boolean(),
});
export type VmInputs = z.infer<typeof VmInputs>;
