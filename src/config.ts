/** /etc/smm/agent.yaml: the schema is the documentation. src/config-file.ts reads and checks the file. */
import { z } from 'zod';

const name = z.string().regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, 'must be a Kubernetes name');

export const Config = z.strictObject({
  /** The WorkloadGroup that this machine belongs to. Required: without it the agent is idle. */
  workloadGroup: z.strictObject({ namespace: name, name }),
  controlPlane: z.strictObject({
    /** URL of the Kubernetes API, https only. */
    server: z.url({ protocol: /^https$/ }),
    /** PEM file of the authorities that may sign the server's certificate. */
    caFile: z.string().startsWith('/').default('/etc/smm/credentials/ca.crt'),
    /** Bearer token, read afresh for every request. */
    tokenFile: z.string().startsWith('/').default('/etc/smm/credentials/token'),
    istioNamespace: name.default('istio-system'),
  }),
  /** The machine's address in the mesh; pins the WorkloadEntry's name. */
  nodeIp: z.union([z.ipv4(), z.ipv6()]).optional(),
  poll: z
    .strictObject({
      /** Cron expression, five or six fields, local time. */
      schedule: z.string().default('* * * * *'),
      /** Seconds: each tick is delayed by a part fixed for the host and a random part, together at most this. */
      jitterSeconds: z.number().int().min(0).max(3600).default(20),
    })
    .prefault({}),
  istio: z
    .strictObject({
      /** Base URL of official downloads or of a mirror with the same layout. */
      downloads: z.url({ protocol: /^https?$/ }).default('https://storage.googleapis.com/istio-release/releases'),
      /** Range of Istio versions that the control plane may choose from. */
      allow: z.string().default('>=1.20.0'),
      startWhenStopped: z.enum(['when-pending', 'always', 'never']).default('when-pending'),
      /** `keep` the machine's own configuration, or `render` it from the WorkloadGroup. */
      configuration: z.enum(['keep', 'render']).default('keep'),
      /** Merged last into cluster.env. */
      env: z.record(z.string(), z.string()).default({}),
      /** Merged last into the mesh file's defaultConfig. */
      mesh: z.record(z.string(), z.unknown()).default({}),
    })
    .prefault({}),
  report: z.strictObject({ validationLevel: z.enum(['ERROR', 'WARNING']).default('ERROR') }).prefault({}),
  /** true: nothing is staged or started by itself, and what is staged is withdrawn. */
  hold: z.boolean().default(false),
  log: z
    .strictObject({
      format: z.enum(['text', 'json']).default('text'),
      level: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
    })
    .prefault({}),
});
export type Config = z.infer<typeof Config>;
