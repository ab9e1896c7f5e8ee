/**
 * `npm run package`: builds the packages and the archives of
 * the repository into build/, or into the folder of `--output`.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { checkTrustedRoot } from '../publisher/signing/trusted-root.ts';
import { packageJson, projectRoot } from '../scripts/project.ts';
import { buildAgentArchive, buildRuntimeArchive } from './artifacts.ts';
import { bundle } from './bundle.ts';
import { copyrightText } from './copyright.ts';
import { buildDeb, type Compression } from './deb.ts';
import { ARCHITECTURES, runtimeFolder } from './runtime.ts';

const HELP = `npm run package -- [options]: builds the packages and the archives of the repository, in about three minutes
  --arch amd64|arm64          only this architecture (both)
  --output <folder>           the folder for the files (build)
  --root <root.json>          root of the repository that the machines trust
  --compression xz|none       none: for tests, in seconds (xz)
  --package-version <version> another version than that of package.json`;

/**
 * Options: `--arch amd64|arm64` (both), `--output <folder>`, `--compression xz|none`, `--package-version <version>`
 * (that of package.json), `--root <root.json>` (the repository that the machines trust). Returns the files, debs first.
 */
export async function buildPackages(args: readonly string[]): Promise<string[]> {
  if (args.includes('--help') || args.includes('-h')) {
    console.log(HELP);
    return [];
  }
  const { values } = parseArgs({
    args: [...args],
    options: {
      arch: { type: 'string' },
      output: { type: 'string', default: join(projectRoot, 'build') },
      compression: { type: 'string', default: 'xz' },
      'package-version': { type: 'string', default: packageJson().version },
      root: { type: 'string' },
    },
  });
  const wanted = ARCHITECTURES.filter(({ name }) => values.arch === undefined || values.arch === name);
  if (wanted.length === 0) throw new Error(`cannot build for ${values.arch}: known are amd64 and arm64`);
  if (values.compression !== 'xz' && values.compression !== 'none')
    throw new Error('cannot build: --compression is xz or none');
  const compression: Compression = values.compression;
  const trustedRoot = values.root === undefined ? undefined : resolve(values.root);
  if (trustedRoot !== undefined) await checkTrustedRoot(trustedRoot);
  const output = resolve(values.output);
  const runtimeVersion = packageJson().config.runtime;
  const version = values['package-version'];
  const { code, map, packages } = await bundle(projectRoot, version);
  mkdirSync(output, { recursive: true });
  writeFileSync(join(output, `smm-agent_${version}.js.map`), map);
  const runtimes = wanted.map((architecture) => {
    return { architecture: architecture.name, runtime: runtimeFolder(projectRoot, architecture, runtimeVersion) };
  });
  // There is one folder of the version for all architectures, and so one text: Node has one licence.
  const licence = readFileSync(join(runtimes[0]?.runtime ?? '', 'LICENSE'), 'utf8');
  const copyright = copyrightText(projectRoot, packages, licence, runtimeVersion);
  const contents = { version, runtimeVersion, code, copyright };
  const archive = { output, level: compression === 'xz' ? 19 : 1, sourceDateEpoch: sourceDateEpoch() } as const;
  const deb = { output, compression, sourceDateEpoch: archive.sourceDateEpoch };
  if (compression === 'xz') console.log('packing: about three minutes; each file is named when it is done');
  // Side by side: each packs with one thread.
  const files = await Promise.all([
    ...runtimes.map(({ architecture, runtime }) =>
      told(() => buildDeb({ ...deb, architecture, contents: { ...contents, projectRoot, runtime, trustedRoot } })),
    ),
    told(() => buildAgentArchive(contents, archive)),
    ...runtimes.map(({ architecture, runtime }) =>
      told(() => buildRuntimeArchive({ runtimeVersion, runtime }, architecture, archive)),
    ),
  ]);
  if (trustedRoot === undefined) {
    console.log(
      'the packages bring no root.json: their machines cannot use a repository before they have /etc/smm/repository/root.json; --root <root.json> puts it into the packages',
    );
  }
  return files;
}

/** Prints the file, its size and the time of its build. */
async function told(build: () => Promise<string>): Promise<string> {
  const started = performance.now();
  const file = await build();
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${file}: ${(statSync(file).size / 1_048_576).toFixed(1)} MB, ${seconds} s`);
  return file;
}

/** $SOURCE_DATE_EPOCH, else the time of the commit, else a fixed one: never the time of the build. */
function sourceDateEpoch(): number {
  const given = process.env.SOURCE_DATE_EPOCH;
  if (given !== undefined) return Number(given);
  const { status, stdout } = spawnSync('git', ['log', '-1', '--format=%ct'], { cwd: projectRoot, encoding: 'utf8' });
  return status === 0 && stdout.trim() !== '' ? Number(stdout) : 1_700_000_000;
}
