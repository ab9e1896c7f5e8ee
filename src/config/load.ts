/**
 * Reads /etc/smm/agent.yaml strictly. Problems are an answer and no error: the daemon stays up, idle and
 * *misconfigured*.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Paths } from '../base/paths.ts';
import type { KeyPath } from './keys.ts';
import { parseConfig } from './parse.ts';
import type { ConfigProblem } from './problem.ts';
import type { Config } from './schema.ts';

export interface ConfigSource {
  file: string;
  /** What the file sets itself; everything else is a default. */
  given: KeyPath[];
}

/** `digest` is that of the file that was read (`configDigest`), null if there was none. */
export type LoadedConfig = { digest: string | null } & (
  | { state: 'configured'; config: Config; source: ConfigSource }
  | { state: 'misconfigured'; problems: readonly [ConfigProblem, ...ConfigProblem[]] }
);

/** A configuration fills a page; a file that is much larger is a mistake, and would only cost memory. */
export const MAX_CONFIG_BYTES = 1_048_576;

/** Never rejects for what is in the file or lies beside it. */
export async function loadConfig(paths: Paths): Promise<LoadedConfig> {
  const beside = await folderProblems(paths);
  const read = await readConfigText(paths);
  const parsed = 'text' in read ? await parseConfig(read.text, paths.config) : read;
  const { digest } = read;
  const [first, ...others] = [...beside, ...('text' in read ? read.problems : []), ...parsed.problems];
  if (first !== undefined) return { state: 'misconfigured', problems: [first, ...others], digest };
  if (!('config' in parsed)) throw new Error('a configuration without problems is there');
  return { state: 'configured', config: parsed.config, source: { file: paths.config, given: parsed.given }, digest };
}

/** Tells whether the file is still the one that was read. */
export function configDigest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** The text with the problems of the file's mode, or the problem because of which there is no text. */
export async function readConfigText(
  paths: Paths,
): Promise<{ digest: string | null } & ({ text: string; problems: ConfigProblem[] } | { problems: [ConfigProblem] })> {
  const file = paths.config;
  const about = (code: ConfigProblem['code'], sentence: string, remedy: string): ConfigProblem => {
    return { code, file, line: null, column: null, key: null, sentence, remedy };
  };
  let bytes: Buffer;
  const problems: ConfigProblem[] = [];
  try {
    const { size, mode, gid } = await stat(file);
    if (size > MAX_CONFIG_BYTES) {
      const problem = about(
        'SMM102',
        `larger than ${MAX_CONFIG_BYTES} bytes`,
        'this is not a configuration: replace it',
      );
      return { digest: null, problems: [problem] };
    }
    // The agent runs as root and does what the file says: a user who may write the file would be root.
    if ((mode & foreignWriters(gid)) !== 0)
      problems.push(about('SMM109', 'users other than its owner may write it', `run chmod go-w ${file}`));
    bytes = await readFile(file);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') {
      const remedy =
        'run smm-agent set workload-group <namespace> <name>, and smm-agent set control-plane <url> --ca-file <file>';
      return { digest: null, problems: [about('SMM101', 'there is no such file', remedy)] };
    }
    const problem = about('SMM102', `cannot be read (${message})`, 'look at its type, its mode and its disk');
    return { digest: null, problems: [problem] };
  }
  const digest = configDigest(bytes);
  const zero = bytes.indexOf(0);
  if (zero >= 0) {
    const sentence = `byte ${zero + 1} is NUL: this is not text, or it was cut off by a crash`;
    return { digest, problems: [about('SMM102', sentence, 'restore it, or write it again with smm-agent set')] };
  }
  try {
    return { digest, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes), problems };
  } catch (error) {
    const sentence = `not UTF-8 (${(error as Error).message})`;
    return { digest, problems: [about('SMM102', sentence, 'save it as UTF-8')] };
  }
}

/**
 * The mode bits with which others could write. Without root (demo,
 * tests) the user's own group does not count: umask 002 is common.
 */
function foreignWriters(gid: number): number {
  return process.getuid?.() !== 0 && gid === process.getgid?.() ? 0o002 : 0o022;
}

/**
 * Names of files that look like a configuration and that nothing
 * reads. Backups of editors and of dpkg are not among them.
 */
const LOOKS_LIKE_CONFIG =
  /^[^.].*\.(ya?ml|json|toml|ini|conf|cfg)$|^(agent|config)(\.ya?ml)?\.d$|^agent\.ya?ml\.(rpmnew|dpkg-new|dpkg-dist|ucf-dist)$/i;

/**
 * The folder's problems: others may write it, or it holds files (agent.yml, ...) that an operator believes are read.
 */
async function folderProblems(paths: Paths): Promise<ConfigProblem[]> {
  const folder = dirname(paths.config);
  let names: string[];
  const problems: ConfigProblem[] = [];
  try {
    const { mode, gid } = await stat(folder);
    if ((mode & foreignWriters(gid)) !== 0) {
      const remedy = `run chmod go-w ${folder}`;
      const sentence = 'users other than its owner may write in this folder';
      problems.push({ code: 'SMM109', file: folder, line: null, column: null, key: null, sentence, remedy });
    }
    names = await readdir(folder);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    // Without the folder there is no agent.yaml either, and that is reported.
    if (code === 'ENOENT') return [];
    const sentence = `cannot be read (${message})`;
    return [
      {
        code: 'SMM102',
        file: folder,
        line: null,
        column: null,
        key: null,
        sentence,
        remedy: 'look at its type and mode',
      },
    ];
  }
  const ignored = names.filter((name) => name !== 'agent.yaml' && LOOKS_LIKE_CONFIG.test(name)).sort();
  for (const name of ignored) {
    const remedy = `move what is in it to ${paths.config} and remove it`;
    const sentence = 'this file would be ignored';
    problems.push({ code: 'SMM108', file: join(folder, name), line: null, column: null, key: null, sentence, remedy });
  }
  return problems;
}
