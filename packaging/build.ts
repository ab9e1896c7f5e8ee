/** `npm run package`: builds the packages into build/, or where `--output` says. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { packageJson, projectRoot } from '../scripts/project.ts';
import { bundle } from './bundle.ts';
import { copyrightText } from './copyright.ts';
import { buildDeb, type Compression } from './deb.ts';
import { ARCHITECTURES, type Architecture, runtimeFolder } from './runtime.ts';

/**
 * Options: `--arch amd64|arm64` (both), `--output <folder>`, `--compression xz|none`, `--package-version <version>` (that of
 * package.json). Returns the files.
 */
export async function buildPackages(args: readonly string[]): Promise<string[]> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      arch: { type: 'string' },
      output: { type: 'string', default: join(projectRoot, 'build') },
      compression: { type: 'string', default: 'xz' },
      'package-version': { type: 'string', default: packageJson().version },
    },
  });
  const wanted = ARCHITECTURES.filter(({ name }) => values.arch === undefined || values.arch === name);
  if (wanted.length === 0) throw new Error(`cannot build for ${values.arch}: known are amd64 and arm64`);
  if (values.compression !== 'xz' && values.compression !== 'none')
    throw new Error('cannot build: --compression is xz or none');
  const compression: Compression = values.compression;
  const runtimeVersion = packageJson().config.runtime;
  const version = values['package-version'];
  const { code, map, packages } = await bundle(projectRoot, version);
  mkdirSync(resolve(values.output), { recursive: true });
  writeFileSync(join(resolve(values.output), `smm-agent_${version}.js.map`), map);
  const make = async (architecture: Architecture): Promise<string> => {
    const started = performance.now();
    const runtime = runtimeFolder(projectRoot, architecture, runtimeVersion);
    const copyright = copyrightText(
      projectRoot,
      packages,
      readFileSync(join(runtime, 'LICENSE'), 'utf8'),
      runtimeVersion,
    );
    const file = await buildDeb({
      architecture: architecture.name,
      contents: { projectRoot, version, code, copyright, runtime, runtimeVersion },
      output: resolve(values.output),
      compression,
      sourceDateEpoch: sourceDateEpoch(),
    });
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    console.log(`${file}: ${(statSync(file).size / 1_048_576).toFixed(1)} MB, ${seconds} s`);
    return file;
  };
  // Side by side: each packs with one thread.
  return Promise.all(wanted.map(make));
}

/** $SOURCE_DATE_EPOCH, else the time of the commit, else a fixed one: never the time of the build. */
function sourceDateEpoch(): number {
  const given = process.env.SOURCE_DATE_EPOCH;
  if (given !== undefined) return Number(given);
  const { status, stdout } = spawnSync('git', ['log', '-1', '--format=%ct'], { cwd: projectRoot, encoding: 'utf8' });
  return status === 0 && stdout.trim() !== '' ? Number(stdout) : 1_700_000_000;
}
