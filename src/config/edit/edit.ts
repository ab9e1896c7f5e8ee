/** Changes agent.yaml as its owner would: comments and order stay, and nothing is written that would be refused. */
import { realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Io } from '../../base/cli/io.ts';
import { AgentError } from '../../base/errors.ts';
import type { Paths } from '../../base/paths.ts';
import { hasCode } from '../../host/files/file-errors.ts';
import { withFileLock } from '../../host/files/file-lock.ts';
import { makeFolder, writeAtomically } from '../../host/files/files.ts';
import type { KeyPath } from '../keys.ts';
import { loadConfig, readConfigText } from '../load.ts';
import { parseConfig } from '../parse.ts';
import { type ConfigProblem, configError, describeProblem } from '../problem.ts';
import { applyEdit, type Edit } from './document.ts';
import { editText } from './text.ts';

export interface EditResult {
  changed: boolean;
  /**
   * The problems that still keep the agent idle, in the file or
   * beside it. The edit did not cause them, so it is not refused.
   */
  left: readonly ConfigProblem[];
}

const HEADER = `# The configuration of smm-agent. "smm-agent set <key> <value>" edits this file, "smm-agent show-config" checks it,
# and /usr/share/doc/smm-agent/agent.yaml.example explains every key.
`;

/**
 * Applies the edits under a lock, so that the edits of commands that run at the same time all
 * survive. The lock is not on /etc/smm: every user can open that folder, and every user who can open
 * a folder can lock it. `beforeWrite` makes the files that the new text names. Rejects with SMM611
 * when the result would be invalid, SMM612 when the file is written in a way that cannot be edited,
 * SMM1xx when the file was wrong before the edit; agent.yaml stays as it was in each of these cases.
 */
export async function editConfig(
  paths: Paths,
  edits: readonly Edit[],
  beforeWrite = async () => {},
): Promise<EditResult> {
  const folder = dirname(paths.config);
  if (!(await exists(folder))) await makeFolder(folder, 0o755);
  if (!(await exists(paths.run))) await makeFolder(paths.run, 0o755);
  return withFileLock(paths.configLock, async () => {
    const present = await exists(paths.config);
    const read = present ? await readConfigText(paths) : { text: HEADER, problems: [] };
    if (!('text' in read) || read.problems.length > 0) throw configError(read.problems);
    const text = await editedText(read.text, edits, paths.config);
    const { problems } = await parseConfig(text, paths.config);
    // What is missing may be set by the next command; but nothing that the agent needs is taken out.
    const isTakenOut = ({ key }: ConfigProblem) =>
      edits.some(({ path, value }) => value === undefined && key !== null && isWithin(key, path.join('.')));
    refuse(
      problems.filter((problem) => problem.code !== 'SMM106' || (text !== read.text && isTakenOut(problem))),
      edits,
    );
    await beforeWrite();
    const changed = !present || text !== read.text;
    if (changed) await write(paths.config, present, text);
    const loaded = await loadConfig(paths);
    return { changed, left: loaded.state === 'misconfigured' ? loaded.problems : [] };
  });
}

/** The keys of the section that `path` lies in; none when the file cannot be read: the edit has reported that. */
export async function keysBeside(paths: Paths, path: KeyPath): Promise<string[]> {
  const read = await readConfigText(paths);
  if (!('text' in read)) return [];
  const { document } = await parseConfig(read.text, paths.config);
  let data: unknown = document?.toJS();
  for (const key of path.slice(0, -1)) data = (data as Record<string, unknown> | null | undefined)?.[key];
  return Object.keys((data ?? {}) as object);
}

/** A change has no effect while anything else about the configuration is wrong: the agent stays idle. */
export function tellWhatIsLeft(left: EditResult['left'], { stdout }: Io): void {
  for (const problem of left) {
    // The line of a missing key would be that of its section, which does not help.
    const text = problem.code === 'SMM106' ? `${problem.sentence}: ${problem.remedy}` : describeProblem(problem);
    stdout.write(`before the agent can work: ${text}\n`);
  }
}

/** Applies the edits one by one: as a change of text where that is possible, else by printing the document again. */
async function editedText(before: string, edits: readonly Edit[], file: string): Promise<string> {
  let text = before;
  for (const edit of edits) {
    const { document, problems } = await parseConfig(text, file);
    if (document === null) throw configError(problems);
    // Printing the document again would change its blanks.
    if (edit.value === undefined && !document.hasIn(edit.path)) continue;
    const wanted = withValue(document.toJS(), edit.path, edit.value);
    const means = async (candidate: string) => {
      const { document: other } = await parseConfig(candidate, file);
      return other !== null && isDeepStrictEqual(other.toJS(), wanted);
    };
    const spliced = editText(text, edit);
    if (spliced !== null && (await means(spliced))) {
      text = spliced;
      continue;
    }
    applyEdit(document, edit);
    text = document.toString({ lineWidth: 0, flowCollectionPadding: false });
    if (await means(text)) continue;
    const remedy = `edit ${file} by hand: an anchor or alias there makes other keys change with it`;
    throw new AgentError('SMM612', `cannot set ${edit.path.join('.')} alone`, remedy);
  }
  // A file with line ends of Windows keeps them.
  return before.includes('\r\n') ? text.replaceAll(/\r?\n/g, '\r\n') : text;
}

/** Whether these are the same key, or one is a part of the other. */
function isWithin(a: string, b: string): boolean {
  return a === b || a.startsWith(`${b}.`) || b.startsWith(`${a}.`);
}

function refuse(problems: readonly ConfigProblem[], edits: readonly Edit[]): void {
  if (problems.length === 0) return;
  const own = edits.map(({ path }) => path.join('.'));
  const isNew = ({ key }: ConfigProblem) => own.some((name) => key === name || key?.startsWith(`${name}.`));
  // The file was wrong before this edit.
  if (!problems.some(isNew)) throw configError(problems);
  const lines = problems.map((problem) => {
    // The line of a value that is not in the file would mislead.
    return `  ${isNew(problem) ? `${problem.sentence}: ${problem.remedy}` : describeProblem(problem)}`;
  });
  const message = ['cannot write this: the configuration would be invalid; nothing was changed:', ...lines].join('\n');
  throw new AgentError('SMM611', message, 'give another value, or correct the file first');
}

/** Follows a link, so that an operator who keeps the file elsewhere finds the change there; owner and mode are kept. */
async function write(file: string, present: boolean, text: string): Promise<void> {
  if (!present) return writeAtomically(file, text, { mode: 0o644 });
  const target = await realpath(file);
  const { mode, uid, gid } = await stat(target);
  return writeAtomically(target, text, { mode: mode & 0o7777, owner: { uid, gid } });
}

/** The same edit on the plain data: what the text must mean. */
function withValue(data: unknown, [key, ...rest]: KeyPath, value: unknown): unknown {
  if (key === undefined) return value;
  const { [key]: inner, ...others } = (data ?? {}) as Record<string, unknown>;
  const changed = withValue(inner, rest, value);
  // A section that becomes empty goes with its last key.
  const isEmptied =
    value === undefined && typeof changed === 'object' && changed !== null && Object.keys(changed).length === 0;
  return changed === undefined || isEmptied ? others : { ...others, [key]: changed };
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
}
