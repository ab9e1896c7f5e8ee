/**
 * What the control plane may not set here. root's bash sources `cluster.env`, which becomes the environment of root's
 * programs: a user who may edit a WorkloadGroup must not become root on the VM by that.
 */
import { formOf } from './env/allowed-keys.ts';
import type { Message } from './go/normalise.ts';
import type { LocalConfiguration } from './local.ts';
import { refused, unusableLocal } from './problem.ts';

const KEY = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * Linux takes at most 128 KB for one variable and about 2 MB for all of them: beyond that no program can be started
 * with them, and each start of Istio would fail. Bytes.
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

/** The machine's own settings in agent.yaml: they override the control plane's, so that those need not be refused. */
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

/**
 * Throws SMM304 when a key or value of the control plane's `proxyMetadata`
 * must not reach cluster.env, and is not overridden there.
 */
export function refuseMetadata(metadata: ReadonlyMap<string, unknown>, where: string, own: OwnSettings): void {
  for (const [key, value] of metadata) {
    if (own.keys.has(key)) continue;
    const form = isShellKey(key) ? formOf(key) : null;
    if (form === null)
      throw refused(`key ${quoted(key)} in ${where}`, 'it is not one of the keys that may be set from there');
    if (!form.accepts(String(value))) throw refused(`the value of ${key} in ${where}`, `it must be ${form.is}`);
  }
}

/**
 * The metadata that may reach the machine's files: without keys
 * that are not refused only because the machine overrides them.
 */
export function acceptedMetadata(metadata: Message): Message {
  return new Map([...metadata].filter(([key, value]) => isShellKey(key) && formOf(key)?.accepts(String(value))));
}

/**
 * Throws SMM304 for a value that bash or a program of root could misread, under any
 * key: a NUL, which bash drops and then loses its place in the file, a line end,
 * and a text that is too long for a program. `env` is what cluster.env would hold.
 */
export function refuseValues(env: ReadonlyMap<string, string>): void {
  let all = 0;
  for (const [key, value] of env) {
    const bytes = Buffer.byteLength(value);
    all += key.length + bytes;
    const refuse = (why: string) => refused(`the value of ${key}`, why);
    if (value.includes('\0')) throw refuse('it holds a NUL, and bash could not read the file');
    if (value.includes('\n')) throw refuse('it holds a line end');
    if (bytes > MAX_VALUE_BYTES) throw refuse(`it has ${bytes} bytes; at most ${MAX_VALUE_BYTES} are allowed`);
  }
  if (all > MAX_ALL_BYTES)
    throw refused('all values together', `they have ${all} bytes; at most ${MAX_ALL_BYTES} are allowed`);
}

/**
 * Throws SMM304 when an annotation sets a path. `config` is the normalised annotation. Returns the paths that the
 * machine's own configuration sets too: the caller must leave those out.
 */
export function refuseAnnotation(config: Message, where: string, own: OwnSettings): string[] {
  const given = REFUSED_FIELDS.filter(([field]) => config.has(field));
  const refusedField = given.find((names) => !names.some((name) => own.fields.has(name)));
  if (refusedField === undefined) return given.map(([field]) => field);
  throw refused(`${refusedField[0]} in ${where}`, 'it names a program or file on this machine');
}

/** Throws SMM305: agent.yaml may set every key that bash accepts as a key. */
export function checkLocalKeys(env: Readonly<Record<string, string>>): void {
  for (const [key, value] of Object.entries(env)) {
    if (!isShellKey(key)) throw unusableLocal(`istio.env.${quoted(key)}`, 'it is not the name of a shell variable');
    if (value.includes('\0')) throw unusableLocal(`istio.env.${key}`, 'an environment cannot hold a NUL');
  }
}

function quoted(key: string): string {
  return JSON.stringify(key.slice(0, 60));
}
