/** `smm-agent show-config`: the configuration as the agent uses it, defaults marked, secrets hidden. */

import { Document, isNode, isScalar } from 'yaml';
import { type CommandSpec, parseArguments } from '../base/cli/arguments.ts';
import { EXIT } from '../base/cli/exit-codes.ts';
import type { Io } from '../base/cli/io.ts';
import type { KeyPath } from '../config/keys.ts';
import { loadConfig } from '../config/load.ts';
import { configError } from '../config/problem.ts';
import type { Config } from '../config/schema.ts';
import { mayShowEnv, mayShowMesh } from '../istio/configuration/shown.ts';

export const spec = {
  name: 'show-config',
  summary: 'print the configuration in effect, after checking it',
  forms: ['[--json]'],
  description: `Prints every key of /etc/smm/agent.yaml with the value that the agent uses. A key that the file does not set is
marked "# default". Of the token only its file is shown. Of istio.env and istio.mesh, the values of Istio's own
settings are shown, and all other values are hidden.`,
  options: { json: { type: 'boolean', help: 'print {"config": ..., "defaults": [keys]} instead of YAML' } },
  exitCodes: { [EXIT.misconfigured]: 'the file is missing or wrong; stderr names every problem with its line' },
} satisfies CommandSpec;

export async function run(args: readonly string[], io: Io): Promise<number> {
  const { values } = parseArguments(spec, args, { min: 0, max: 0 });
  const loaded = await loadConfig(io.paths);
  if (loaded.state === 'misconfigured') throw configError(loaded.problems);
  const config = withoutSecrets(loaded.config);
  const defaults = leaves(config).filter((path) => !loaded.source.given.some((given) => startsWith(path, given)));
  io.stdout.write(values.json === true ? asJson(config, defaults) : await asYaml(config, defaults));
  return EXIT.ok;
}

const EMPTY_DEFAULT = ' default of a map';
const NO_NODE_IP = "# nodeIp: not set, the machine's first address is used";

function asJson(config: unknown, defaults: readonly KeyPath[]): string {
  return `${JSON.stringify({ config, defaults: defaults.map((path) => path.join('.')) }, null, 2)}\n`;
}

async function asYaml(config: Config, defaults: readonly KeyPath[]): Promise<string> {
  const document = new Document(config);
  for (const path of defaults) {
    const node = document.getIn(path, true);
    if (isNode(node)) node.comment = isScalar(node) ? ' default' : EMPTY_DEFAULT;
  }
  const text = document.toString({ lineWidth: 0 });
  // The yaml library puts the comment of a map below the map. Below an empty map it would seem to belong to the next
  // key.
  const oneLine = text.replaceAll(new RegExp(`:\\n +\\{\\}\\n +#${EMPTY_DEFAULT}`, 'g'), ': {} # default');
  return config.nodeIp === undefined ? oneLine.replace(/^poll:/m, `${NO_NODE_IP}\npoll:`) : oneLine;
}

/** The paths of all values; an empty map counts as one value. */
function leaves(value: unknown, path: KeyPath = []): KeyPath[] {
  const entries = typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
  return entries.length === 0 ? [path] : entries.flatMap(([key, inner]) => leaves(inner, [...path, key]));
}

function startsWith(path: KeyPath, begin: KeyPath): boolean {
  return begin.every((key, index) => path[index] === key);
}

export const HIDDEN = '(hidden)';

/**
 * Keeps the values of known settings only (src/istio/configuration/shown.ts), and hides users and passwords in URLs.
 */
function withoutSecrets(config: Config): Config {
  const { istio, proxy } = config;
  const env = hide(istio.env, [], ([key = '']) => mayShowEnv(key)) as Config['istio']['env'];
  const mesh = hide(istio.mesh, [], mayShowMesh) as Config['istio']['mesh'];
  const https = proxy.https === undefined ? {} : { https: withoutUser(proxy.https) };
  return {
    ...config,
    proxy: { ...proxy, ...https },
    istio: { ...istio, env, mesh, downloads: withoutUser(istio.downloads) },
  };
}

function withoutUser(text: string): string {
  const url = new URL(text);
  if (url.username === '' && url.password === '') return text;
  url.username = 'hidden';
  url.password = '';
  return url.href;
}

/** A list is shown or hidden as one value. */
function hide(value: unknown, path: string[], mayShow: (path: string[]) => boolean): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return mayShow(path) ? value : HIDDEN;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, hide(inner, [...path, key], mayShow)]));
}
