/**
 * What the control plane may not set here. `cluster.env` is sourced by root's bash, and Istio's start script builds a
 * command from some of it: whoever may edit a WorkloadGroup must not become root on the VM (design, section 3).
 */
import type { Message } from './normalise.ts';
import { refused, unusableLocal } from './problem.ts';

const KEY = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Refused by name; `*` stands for any characters. */
const REFUSED_KEYS = [
  // Programs, users, files and flags of the start script. With USER=istio-proxy it would not change the user at all and
  // run everything as root; `sudo -s` runs whatever SHELL names.
  ...['ISTIO_BIN_BASE', 'ISTIO_AGENT_FLAGS', 'ISTIO_*_CONFIG', 'ISTIO_BOOTSTRAP*', 'ISTIO_CUSTOM_IP_TABLES'],
  ...['ISTIO_LOG_DIR', 'EXEC_USER', 'ENVOY_USER', 'USER', 'LOGNAME', 'SHELL', 'SUDO_*', 'PROXY_CONFIG', 'PROV_CERT'],
  ...['OUTPUT_CERTS', 'PATH', 'HOME', 'ENV'],
  // Code that the dynamic linker, libc and iptables load into programs of root.
  ...['LD_*', 'GCONV_PATH', 'GLIBC_TUNABLES', 'LOCPATH', 'NLSPATH', 'MALLOC_*', 'TMPDIR', 'HOSTALIASES'],
  ...['XTABLES_LIBDIR', 'IPTABLES_LIB_DIR', 'IP6TABLES_LIB_DIR'],
  // bash itself. An assignment to a variable with the integer attribute is arithmetic, and arithmetic runs commands:
  // RANDOM='a[$(id)]' does. An assignment to a read-only one ends the script, and Istio does not start.
  ...['IFS', 'SHELLOPTS', 'BASH*', 'POSIXLY_CORRECT', 'CDPATH', 'EXECIGNORE', 'GLOBIGNORE', 'FUNCNEST', 'TMOUT'],
  ...['PS0', 'PS1', 'PS2', 'PS3', 'PS4', 'PROMPT_*', 'RANDOM', 'SRANDOM', 'SECONDS', 'LINENO', 'HISTCMD', 'HIST*'],
  ...['EPOCH*', 'OPTIND', 'OPTERR', 'OPTARG', 'UID', 'EUID', 'PPID', 'GROUPS', 'DIRSTACK', 'FUNCNAME', 'PIPESTATUS'],
  ...['COMP_*', 'COMPREPLY', 'COPROC*', 'MAPFILE', 'MAIL*', 'READLINE_*', 'SHLVL', 'PWD', 'OLDPWD', 'CHILD_MAX', '_'],
];
const REFUSED = new RegExp(`^(?:${REFUSED_KEYS.map((key) => key.replaceAll('*', '.*')).join('|')})$`);

/** The start script puts these, unquoted, into a command line of `bash -c` or into the YAML of PROXY_CONFIG. */
const EVALUATED_KEYS = new Set([
  ...['POD_NAME', 'ISTIO_SVC_IP', 'ISTIO_SYSTEM_NAMESPACE', 'ISTIO_CP_AUTH', 'PILOT_ADDRESS', 'ISTIO_PILOT_PORT'],
]);
/** No shell, no YAML: neither blanks nor quotes, and a colon only within a word. */
const PLAIN_WORD = /^(?:[A-Za-z0-9_.-]|:(?=[A-Za-z0-9:]))*$/;

/** Paths of programs and files: an annotation of the group may only clear them. */
const REFUSED_FIELDS = ['binaryPath', 'configPath', 'customConfigFile', 'proxyBootstrapTemplatePath'];

/** True for what bash takes as a variable's name. */
export function isShellKey(key: string): boolean {
  return KEY.test(key);
}

/** True for what may stand unquoted in a shell command and in YAML. */
export function isPlainWord(value: string): boolean {
  return PLAIN_WORD.test(value);
}

/** Throws SMM304 when a key or value of the control plane's `proxyMetadata` must not reach cluster.env. */
export function refuseMetadata(metadata: ReadonlyMap<string, unknown>, where: string): void {
  for (const [key, value] of metadata) {
    if (!isShellKey(key)) throw refused(`key ${quoted(key)} in ${where}`, 'it is no name of a shell variable');
    if (REFUSED.test(key)) {
      throw refused(
        `key ${key} in ${where}`,
        'it chooses what runs as root on this machine, or changes the shell itself',
      );
    }
    if (EVALUATED_KEYS.has(key) && !isPlainWord(String(value))) {
      throw refused(`the value of ${key} in ${where}`, "Istio's start script would run it as a command");
    }
    if (key === 'ISTIO_INBOUND_INTERCEPTION_MODE' && value === 'TPROXY') {
      throw refused(`TPROXY as ${key} in ${where}`, 'it makes Envoy run as root');
    }
  }
}

/** Throws SMM304 for a NUL: bash drops it and then loses its place in the file, so that quotes end elsewhere. */
export function refuseNul(env: ReadonlyMap<string, string>): void {
  for (const [key, value] of env) {
    if (value.includes('\0')) throw refused(`the value of ${key}`, 'it holds a NUL, and bash could not read the file');
  }
}

/** Throws SMM304 when an annotation sets a path. `config` is the normalised annotation. */
export function refuseAnnotation(config: Message, where: string): void {
  for (const field of REFUSED_FIELDS) {
    if (config.has(field)) throw refused(`${field} in ${where}`, 'it names a program or file on this machine');
  }
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
