/**
 * Istio's own configuration files, which nothing reads any more once Istio is adopted. An operator who edits them
 * expects an effect, so the agent says that there is none.
 */
import { createHash } from 'node:crypto';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { AgentError, isAgentError } from '../../base/errors.ts';
import type { Paths } from '../../base/paths.ts';
import { fileError, hasCode } from '../../host/files/file-errors.ts';
import { makeFolder, readText, writeAtomically } from '../../host/files/files.ts';
import { readForeignText } from '../../host/files/foreign-file.ts';
import { parseJson } from '../../host/json.ts';
import { readEnvText } from '../configuration/env/env-text.ts';
import type { ReleaseConfiguration } from '../release.ts';

/** SHA-256 by path; null for a file that is not there. */
const Digests = z.record(z.string(), z.string().nullable());

/** Writes down what the files hold now; does nothing when that was done before. Rejects with SMM520 or SMM521. */
export async function recordOldConfiguration(paths: Paths): Promise<void> {
  if ((await readText(recordFile(paths))) !== null) return;
  await noteOldConfiguration(paths);
}

/** Writes it down again: after an adoption that has taken the edits over (`smm-agent adopt`). */
export async function noteOldConfiguration(paths: Paths): Promise<void> {
  const digests: Record<string, string | null> = {};
  for (const { path } of oldFiles(paths)) {
    const now = await digest(path);
    // A file without a digest is not compared later.
    if (!(now instanceof AgentError)) digests[path] = now;
  }
  await makeFolder(paths.state, 0o755);
  await writeAtomically(recordFile(paths), `${JSON.stringify(digests, null, 2)}\n`, { mode: 0o644 });
}

/**
 * A sentence for each file that was edited since; none before the digests were written down.
 * Only settings count: the package of another version brings another comment in sidecar.env.
 * `own` is the content of the files at that time, null if it is lost. Rejects with SMM520.
 */
export async function ignoredEdits(paths: Paths, own: ReleaseConfiguration | null): Promise<string[]> {
  const text = await readText(recordFile(paths));
  const noted = text === null ? null : Digests.safeParse(parseJson(text));
  if (noted === null || !noted.success) return [];
  const sentences: string[] = [];
  for (const { path, instead, kind } of oldFiles(paths)) {
    const before = noted.data[path];
    const now = await digest(path);
    if (now instanceof AgentError) sentences.push(`cannot tell whether ${path} was edited: ${now.message}`);
    if (now instanceof AgentError || before === undefined || before === now) continue;
    if (own !== null && (await setsTheSame(kind, own[kind], (await readForeignText(path)) ?? ''))) continue;
    const when = await editedAt(path);
    const what = when === null ? 'was removed' : `was edited at ${when.toISOString()}`;
    sentences.push(
      `${path} ${what} and is no longer read: Istio starts from its release; ${instead}, or take the edits over: smm-agent adopt shows them, and smm-agent adopt --yes takes them`,
    );
  }
  return sentences;
}

type Kind = 'clusterEnv' | 'sidecarEnv' | 'mesh';

function oldFiles({ istio, config }: Paths): { path: string; instead: string; kind: Kind }[] {
  return [
    { kind: 'clusterEnv', path: istio.clusterEnv, instead: `use istio.env in ${config}` },
    { kind: 'sidecarEnv', path: istio.sidecarEnv, instead: `use istio.env in ${config}` },
    { kind: 'mesh', path: istio.mesh, instead: `use istio.mesh in ${config}` },
  ];
}

/** Whether only comments and blanks differ. */
async function setsTheSame(kind: Kind, before: string, now: string): Promise<boolean> {
  if (kind !== 'mesh') return isDeepStrictEqual(settingsOf(before), settingsOf(now));
  // Only when the bytes differ: an idle daemon needs no reader of YAML.
  const { readGoYaml } = await import('../configuration/go/go-yaml.ts');
  try {
    return isDeepStrictEqual(readGoYaml(before, 'the mesh file'), readGoYaml(now, 'the mesh file'));
  } catch (error) {
    if (isAgentError(error, 'SMM302')) return false;
    throw error;
  }
}

function settingsOf(env: string): unknown[] {
  return readEnvText(env).entries.flatMap((entry) => {
    if (entry.kind === 'comment') return [];
    return [entry.kind === 'assignment' ? [entry.key, entry.value, entry.isExported] : entry.text.trim()];
  });
}

function recordFile({ state }: Paths): string {
  return join(state, 'old-configuration.json');
}

/** An error is an answer: istio-proxy can put anything there, and nothing depends on it any more. */
async function digest(path: string): Promise<string | null | AgentError> {
  try {
    const text = await readForeignText(path);
    return text === null ? null : createHash('sha256').update(text).digest('hex');
  } catch (error) {
    if (error instanceof AgentError) return error;
    throw error;
  }
}

async function editedAt(path: string): Promise<Date | null> {
  try {
    return (await lstat(path)).mtime;
  } catch (cause) {
    if (hasCode(cause, 'ENOENT')) return null;
    throw fileError('read', path, cause);
  }
}
