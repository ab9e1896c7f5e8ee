/** The agent as its package installs it and an operator sets it up. The program itself is in agent-versions.ts. */
import { chmod, cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Paths } from '../../src/base/paths.ts';
import { COMPILE_CACHE } from './agent-process.ts';
import type { AgentRepository } from './agent-repository.ts';
import { ADDRESS, GROUP, NAMESPACE, type SandboxMesh } from './mesh.ts';

const PROJECT = join(import.meta.dirname, '../..');

/**
 * Installs the scripts and the template of the drop-in like the package, and configuration and credentials like an
 * operator.
 */
export async function installAgent(paths: Paths, mesh: SandboxMesh): Promise<void> {
  await cp(join(PROJECT, 'systemd/bin'), paths.bin, { recursive: true });
  const template = basename(paths.dropInTemplate);
  await write(paths.dropInTemplate, await readFile(join(PROJECT, 'systemd', template), 'utf8'));
  await write(paths.machineId, '0123456789abcdef0123456789abcdef\n');
  await write(join(paths.credentials, 'ca.crt'), mesh.api.ca);
  await write(join(paths.credentials, 'token'), await mesh.token());
  await write(paths.config, agentYaml(mesh));
  const command = join(paths.root, 'usr/bin/smm-agent');
  await write(command, commandScript(paths));
  await chmod(command, 0o755);
  // The files of procfs that the scripts read. Only the id of the boot belongs to the sandbox.
  await mkdir(join(paths.root, 'proc'), { recursive: true });
  await symlink('/proc/uptime', join(paths.root, 'proc/uptime'));
}

/** The path on the machine where an operator puts the file. */
export const REPOSITORY_CA = '/etc/smm/repository/ca.crt';

/**
 * Installs the root of trust like a package, and the CA of the repository's server, which repository.caFile still has
 * to name.
 */
export async function trustRepository(paths: Paths, repository: AgentRepository): Promise<void> {
  const folder = join(paths.root, dirname(REPOSITORY_CA));
  await write(join(folder, 'root.json'), await repository.root());
  await write(join(paths.root, REPOSITORY_CA), repository.ca);
}

/** /usr/bin/smm-agent: runs the installed version if there is one, else the sources. */
function commandScript({ root, opt, bin }: Paths): string {
  const cache = Object.entries(COMPILE_CACHE).map(([name, value]) => `export ${name}='${value}'\n`);
  const sources = [process.execPath, join(PROJECT, 'src/main.ts')];
  return `#!/bin/sh
export SMM_ROOT='${root}'
[ ! -e '${join(opt, 'current')}' ] || exec '${join(bin, 'smm-agent')}' "$@"
${cache.join('')}exec '${sources.join("' '")}' "$@"
`;
}

/** Polls every second, so that a story does not wait. */
function agentYaml(mesh: SandboxMesh): string {
  return `workloadGroup:
  namespace: ${NAMESPACE}
  name: ${GROUP}
controlPlane:
  server: ${mesh.api.url}
nodeIp: ${ADDRESS}
poll:
  schedule: '* * * * * *'
  jitterSeconds: 0
istio:
  downloads: ${mesh.packages}
`;
}

async function write(path: string, content: string | Buffer): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}
