/** /etc/smm/agent.yaml: the schema is the documentation. src/config/load.ts reads and checks the file. */
import { z } from 'zod';

const name = z
  .string()
  .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, 'must be a Kubernetes name (lower case, digits, - and .)');
const file = z.string().regex(/^\/[^\p{Cc}]+$/u, 'must be an absolute path');
/** No blocks (10.0.0.0/8): a block would be taken for a name, and match nothing. */
const NO_PROXY = /^$|^\s*[^\s,/]+\s*(,\s*[^\s,/]+\s*)*$/;

export const Config = z.strictObject({
  /** The WorkloadGroup that this machine belongs to. Required: without it the agent is idle. */
  workloadGroup: z.strictObject({ namespace: name, name }),
  controlPlane: z.strictObject({
    /** URL of the Kubernetes API, https only. */
    server: z.url({ protocol: /^https$/, error: 'must be a URL that begins with https://' }),
    /** PEM file of the authorities that may sign the server's certificate. */
    caFile: file.default('/etc/smm/credentials/ca.crt'),
    /** Bearer token, read afresh for every request. */
    tokenFile: file.default('/etc/smm/credentials/token'),
    /** Namespace of istiod and its ConfigMaps. */
    istioNamespace: name.default('istio-system'),
  }),
  /** The machine's address in the mesh; pins the WorkloadEntry's name. */
  nodeIp: z.union([z.ipv4(), z.ipv6()], 'must be an IPv4 or IPv6 address').optional(),
  poll: z
    .strictObject({
      /** Cron expression, five or six fields, local time. */
      schedule: z.string().default('* * * * *'),
      /** Seconds: each tick is delayed by a part fixed for the host and a random part, together at most this. */
      jitterSeconds: z
        .int('must be a whole number')
        .min(0, 'must be 0 or more')
        .max(3600, 'must be 3600 or less')
        .default(20),
    })
    .prefault({}),
  /**
   * The proxy for downloads and, if `controlPlane` is true, for
   * the Kubernetes API. Proxies of the environment are not used.
   */
  proxy: z
    .strictObject({
      /** URL of a proxy that supports CONNECT, http only: the connections through it are TLS from end to end. */
      https: z.url({ protocol: /^http$/, error: 'must be the URL of a proxy that begins with http://' }).optional(),
      /** Hosts that are reached without the proxy, in the form of NO_PROXY. */
      no: z
        .string()
        .regex(
          NO_PROXY,
          'must be names, .domains, addresses or ranges of them (10.0.0.1-10.0.0.99), separated by commas',
        )
        .optional(),
      /** true: the Kubernetes API is reached through the proxy as well. */
      controlPlane: z.boolean().default(false),
    })
    .prefault({}),
  /** The signed repository: the agent's own versions and, with `istio.source: repository`, Istio packages. */
  repository: z
    .strictObject({
      /** Base URL, https only. Not set: the one that ConfigMap smm-agent[-<revision>] names. */
      url: z.url({ protocol: /^https$/, error: 'must be a URL that begins with https://' }).optional(),
      /**
       * PEM file of the authorities that may sign the server's certificate. Not set: those that this machine trusts.
       */
      caFile: file.optional(),
      /** The trusted root, from which everything else in the repository is verified. */
      rootFile: file.default('/etc/smm/repository/root.json'),
    })
    .prefault({}),
  agent: z
    .strictObject({
      /** Range of the agent's own versions that the control plane may choose from. */
      allow: z.string().default('>=0.2.0'),
    })
    .prefault({}),
  istio: z
    .strictObject({
      /** Where packages come from: Istio's `official` downloads (or a mirror of them), or the signed `repository`. */
      source: z.enum(['official', 'repository']).default('official'),
      /** Base URL of official downloads or of a mirror with the same layout. */
      downloads: z
        .url({ protocol: /^https?$/, error: 'must be a URL that begins with https:// or http://' })
        .default('https://storage.googleapis.com/istio-release/releases'),
      /**
       * PEM file of the authorities that may sign the server of `downloads`. Not set: those that this machine trusts.
       */
      caFile: file.optional(),
      /** Range of Istio versions that the control plane may choose from. */
      allow: z.string().default('>=1.20.0'),
      /** Whether Istio that was stopped by hand is started again. */
      startWhenStopped: z.enum(['when-pending', 'always', 'never']).default('when-pending'),
      /** `keep` the machine's own configuration, or `render` it from the WorkloadGroup. */
      configuration: z.enum(['keep', 'render']).default('keep'),
      /** Merged last into cluster.env. */
      env: z
        .record(
          z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be the name of an environment variable'),
          z.string().regex(/^\P{Cc}*$/u, 'must be one line without control characters'),
        )
        .default({}),
      /** Merged last into the mesh file's defaultConfig. */
      mesh: z.record(z.string(), z.unknown()).default({}),
    })
    .prefault({}),
  report: z
    .strictObject({
      /** Level of the validation message on the WorkloadEntry while a restart is pending. */
      validationLevel: z.enum(['ERROR', 'WARNING']).default('ERROR'),
      /** The page that the validation message refers to: your own runbook, or the page that the package brings. */
      documentationUrl: z.url().max(2048).default('file:///usr/share/doc/smm-agent/docs/operating.md'),
    })
    .prefault({}),
  /** true: the agent stages and starts nothing, and withdraws a staged release. */
  hold: z.boolean().default(false),
  log: z
    .strictObject({
      /** `json`: one JSON object a line, as pino writes it. */
      format: z.enum(['text', 'json']).default('text'),
      /** The least important level that is logged. */
      level: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
    })
    .prefault({}),
});
export type Config = z.infer<typeof Config>;
