/**
 * What the control plane may not set here. `cluster.env` is sourced by root's bash and becomes the environment of root's programs:
 * whoever may edit a WorkloadGroup must not become root on the VM (design, section 3).
 */
import { formOf } from './env/allowed-keys.ts';
import type { Message } from './go/normalise.ts';
import type { LocalConfiguration } from './local.ts';
import { refused, unusableLocal } from './problem.ts';

const KEY = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * Linux takes at most 128 KB for one variable and about 2 MB for all of them: beyond that no program can be started with them,
 * and Istio would end for ever. Bytes.
 */
const MAX_VALUE_BYTES = 16 * 1024;
const MAX_ALL_BYTES = 64 * 1024;

/** Paths of programs and files: an annotation of the group may only clear them. */
const REFUSED_FIELDS = [
  ['binaryPath', 'binary_path'],
  ['configPath', 'config_path'],
  ['customConfigFile', 'custom_config_file'],
  ['proxyBootstrapTemplatePath', 'proxy_bootstrap_template_path'],
] as const;

/** True for what bash takes as a variable's name. */
export function isShellKey(key: string): boolean {
  return KEY.test(key);
}

/** What the machine sets itself in agent.yaml: there the control plane is overridden, so that it need not be refused. */
export interface OwnSettings {
  keys: ReadonlySet<string>;
  /** Fields of ProxyConfig, in camelCase and in snake_case. */
  fields: ReadonlySet<string>;
}

export function ownSettings({ env, mesh }: LocalConfiguration): OwnSettings {
  const metadata = Object.values({ a: mesh.proxyMetadata, b: mesh.proxy_metadata });
  const keys = metadata.flatMap((map) => (typeof map === 'object' && map !== null ? Object.keys(map) : []));
  return { keys: new Set([...Object.keys(env), ...keys]), fields: new Set(Object.keys(mesh)) };
}

/** Throws SMM304 when a key or value of the control plane's `proxyMetadata` must not reach cluster.env, and is not overridden there. */
export function refuseMetadata(metadata: ReadonlyMap<string, unknown>, where: string, own: OwnSettings): void {
  for (const [key, value] of metadata) {
    if (own.keys.has(key)) continue;
    const form = isShellKey(key) ? formOf(key) : null;
    if (form === null)
      throw refused(`key ${quoted(key)} in ${where}`, 'it is none of those that may be set from there');
    if (!form.accepts(String(value))) throw refused(`the value of ${key} in ${where}`, `it is no ${form.is}`);
  }
}

/** Those that may reach the machine's files: without what is overridden only because it would be refused. */
export function acceptedMetadata(metadata: Message): Message {
  return new Map([...metadata].filter(([key, value]) => isShellKey(key) && formOf(key)?.accepts(String(value))));
}

/**
 * Throws SMM304 for a value that bash or a program of root's could misread, whatever its key: a NUL, which bash drops and then loses
 * its place in the file, a line end, and what is too long to be handed to a program. `env` is what cluster.env would hold.
 */
export function refuseValues(env: ReadonlyMap<string, string>): void {
  let all = 0;
  for (const [key, value] of env) {
    const bytes = Buffer.byteLength(value);
    all += key.length + bytes;
    const refuse = (why: string) => refused(`the value of ${key}`, why);
    if (value.includes('\0')) throw refuse('it holds a NUL, and bash could not read the file');
    if (value.includes('\n')) throw refuse('it holds a line end');
    if (bytes > MAX_VALUE_BYTES) throw refuse(`it has ${bytes} bytes, and ${MAX_VALUE_BYTES} are the most`);
  }
  if (all > MAX_ALL_BYTES)
    throw refused('all values together', `they have ${all} bytes, and ${MAX_ALL_BYTES} are the most`);
}

/**
 * Throws SMM304 when an annotation sets a path. `config` is the normalised annotation. Returns those that the machine's own
 * configuration sets as well: they are to be left out.
 */
export function refuseAnnotation(config: Message, where: string, own: OwnSettings): string[] {
  const given = REFUSED_FIELDS.filter(([field]) => config.has(field));
  const refusedField = given.find((names) => !names.some((name) => own.fields.has(name)));
  if (refusedField === undefined) return given.map(([field]) => field);
  throw refused(`${refusedField[0]} in ${where}`, 'it names a program or file on this machine');
}

/** Throws SMM305: agent.yaml may set every key, but only one that bash takes for a key. */
export function checkLocalKeys(env: Readonly<Record<string, string>>): void {
  for (const [key, value] of Object.entries(env)) {
    if (!isShellKey(key)) throw unusableLocal(`istio.env.${quoted(key)}`, 'it is no name of a shell variable');
    if (value.includes('\0')) throw unusableLocal(`istio.env.${key}`, 'a NUL cannot stand in an environment');
  }
}

function quoted(key: string): string {
  return JSON.stringify(key.slice(0, 60));
}
