/**
 * /etc/smm/agent.yaml: the schema is the documentation. `node scripts/configuration-keys.ts` writes the comment of
 * each key to docs/configuration.md. src/config/load.ts reads and checks the file.
 */
import { z } from 'zod';

const name = z
  .string()
  .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, 'must be a Kubernetes name (lower case, digits, - and .)');
const file = z.string().regex(/^\/[^\p{Cc}]+$/u, 'must be an absolute path');
/** No blocks (10.0.0.0/8): a block would be taken for a name, and match nothing. */
const NO_PROXY = /^$|^\s*[^\s,/]+\s*(,\s*[^\s,/]+\s*)*$/;

export const Config = z.strictObject({
  workloadGroup: z.strictObject({
    /** Namespace of the WorkloadGroup that this machine belongs to. */
    namespace: name,
    /** Name of that WorkloadGroup. */
    name,
  }),
  controlPlane: z.strictObject({
    /** URL of the Kubernetes API of the mesh's cluster, https only. */
    server: z.url({ protocol: /^https$/, error: 'must be a URL that begins with https://' }),
    /** PEM file of the authorities that may sign the server's certificate. */
    caFile: file.default('/etc/smm/credentials/ca.crt'),
    /** File with the bearer token. It is read again for every request. */
    tokenFile: file.default('/etc/smm/credentials/token'),
    /** Namespace of istiod and its ConfigMaps. */
    istioNamespace: name.default('istio-system'),
  }),
  /** The machine's address in the mesh, which names its WorkloadEntry. Not set: the machine's first address. */
  nodeIp: z.union([z.ipv4(), z.ipv6()], 'must be an IPv4 or IPv6 address').optional(),
  poll: z
    .strictObject({
      /** Cron expression with five or six fields, local time. */
      schedule: z.string().default('* * * * *'),
      /**
       * The longest delay of a poll, in seconds. A part is fixed for the host and a part is random, so that a fleet
       * does not ask at once.
       */
      jitterSeconds: z
        .int('must be a whole number')
        .min(0, 'must be 0 or more')
        .max(3600, 'must be 3600 or less')
        .default(20),
    })
    .prefault({}),
  /** The way out for downloads and, where `controlPlane` says so, for the control plane. */
  proxy: z
    .strictObject({
      /** URL of a proxy that knows CONNECT (`http://`), for downloads. The proxies of the environment are not used. */
      https: z.url({ protocol: /^http$/, error: 'must be the URL of a proxy that begins with http://' }).optional(),
      /**
       * Hosts that are reached without the proxy: names, `.domains`, addresses, ranges (`10.0.0.1-10.0.0.99`),
       * separated by commas.
       */
      no: z
        .string()
        .regex(
          NO_PROXY,
          'must be names, .domains, addresses or ranges of them (10.0.0.1-10.0.0.99), separated by commas',
        )
        .optional(),
      /** `true`: the Kubernetes API is reached through the proxy as well. */
      controlPlane: z.boolean().default(false),
    })
    .prefault({}),
  /** The signed repository: the agent's own versions and, with `istio.source: repository`, Istio packages. */
  repository: z
    .strictObject({
      /** Base URL of the signed repository, https only. Not set: the URL that ConfigMap `smm-agent` names. */
      url: z.url({ protocol: /^https$/, error: 'must be a URL that begins with https://' }).optional(),
      /**
       * PEM file of the authorities that may sign the certificate of the repository. Not set: those that this machine
       * trusts.
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
      /**
       * Where Istio packages come from: Istio's `official` downloads (or a mirror of them), or the signed `repository`.
       */
      source: z.enum(['official', 'repository']).default('official'),
      /** Base URL of Istio's official downloads, or of a mirror with the same layout. */
      downloads: z
        .url({ protocol: /^https?$/, error: 'must be a URL that begins with https:// or http://' })
        .default('https://storage.googleapis.com/istio-release/releases'),
      /**
       * PEM file of the authorities that may sign the certificate of `downloads`. Not set: those that this machine
       * trusts.
       */
      caFile: file.optional(),
      /** Range of Istio versions that the control plane may choose from. */
      allow: z.string().default('>=1.20.0'),
      /** Whether Istio is started again after an operator has stopped it. */
      startWhenStopped: z.enum(['when-pending', 'always', 'never']).default('when-pending'),
      /** `keep` the machine's own configuration of Istio, or `render` it from the WorkloadGroup. */
      configuration: z.enum(['keep', 'render']).default('keep'),
      /** Merged last into cluster.env. */
      env: z
        .record(
          z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be the name of an environment variable'),
          z.string().regex(/^\P{Cc}*$/u, 'must be one line without control characters'),
        )
        .default({}),
      /** Merged last into `defaultConfig` of the mesh file. */
      mesh: z.record(z.string(), z.unknown()).default({}),
    })
    .prefault({}),
  report: z
    .strictObject({
      /** Level of the validation message on the WorkloadEntry while a restart is pending. */
      validationLevel: z.enum(['ERROR', 'WARNING']).default('ERROR'),
      /** The page that this message names: your own runbook, or the page that the package brings. */
      documentationUrl: z
        .url({ error: 'must be a URL' })
        .max(2048)
        .default('file:///usr/share/doc/smm-agent/docs/operating.md'),
    })
    .prefault({}),
  /**
   * `true`: no release is staged, a staged one is withdrawn, the agent starts no Istio that an operator has stopped,
   * and it stays on its version.
   */
  hold: z.boolean().default(false),
  log: z
    .strictObject({
      /** Format of the log. `json`: one JSON object a line. */
      format: z.enum(['text', 'json']).default('text'),
      /** The least important level that is logged. */
      level: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
    })
    .prefault({}),
});
export type Config = z.infer<typeof Config>;
