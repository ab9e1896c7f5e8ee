/** `smm-agent render`: writes the VM's configuration under istioctl's file names, so that the two can be compared. */

import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { AgentError } from '../base/errors.ts';
import { fileError, hasCode } from '../host/files/file-errors.ts';
import { makeFolder, readText, writeAtomically } from '../host/files/files.ts';
import { VmInputs } from '../istio/configuration/inputs.ts';
import type { LocalConfiguration } from '../istio/configuration/local.ts';
import { renderVmFiles } from '../istio/configuration/render.ts';

export interface RenderArguments {
  /** Folder for the files; made if it is missing. */
  output: string;
  /** JSON file with the objects to render; without it the control plane is asked. */
  from?: string;
}

/** The files hold no secret: the token is not rendered. istioctl uses 0744, which makes the files executable. */
const MODE = 0o644;

/**
 * Writes `cluster.env`, `mesh.yaml`, `hosts` and `root-cert.pem`, each whole or not at all, and only when all of them
 * could be rendered. Resolves to their paths. Rejects with SMM3xx when the objects cannot be used, with SMM610 when the
 * file with the objects cannot be used, with SMM52x when a file cannot be written, and with any error of `inputs`.
 */
export async function render(
  { output, from }: RenderArguments,
  inputs: () => Promise<VmInputs>,
  local: LocalConfiguration,
): Promise<string[]> {
  const objects = from === undefined ? await inputs() : await readObjects(from);
  const files = renderVmFiles(objects, local);
  await makeMissingFolder(output);
  const contents = {
    'cluster.env': files.clusterEnv,
    'mesh.yaml': files.mesh,
    hosts: files.hosts,
    'root-cert.pem': files.rootCert,
  };
  for (const [name, content] of Object.entries(contents)) {
    await writeAtomically(join(output, name), content, { mode: MODE });
  }
  return Object.keys(contents).map((name) => join(output, name));
}

/** An existing folder keeps its mode: it may be a home directory. */
async function makeMissingFolder(path: string): Promise<void> {
  try {
    await access(path);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw fileError('write', path, error);
    await makeFolder(path, 0o755);
  }
}

async function readObjects(file: string): Promise<VmInputs> {
  const text = await readText(file);
  if (text === null) throw unusable(file, 'the file does not exist');
  const json = parseJson(text, file);
  // A whole case of istioctl-cases.jsonl holds the objects under `in`.
  const isCase = typeof json === 'object' && json !== null && 'in' in json;
  const result = VmInputs.safeParse(isCase ? json.in : json);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw unusable(file, `${issue?.path.join('.') || 'the whole file'}: ${issue?.message ?? 'not of the expected form'}`);
}

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw unusable(file, 'the file is not JSON', { cause });
  }
}

function unusable(file: string, why: string, options?: ErrorOptions): AgentError {
  const remedy = 'give a JSON file with workloadGroup, mesh, injectorValues, rootCert, gateway and the flags';
  return new AgentError('SMM610', `cannot render from ${file}: ${why}`, remedy, options);
}
