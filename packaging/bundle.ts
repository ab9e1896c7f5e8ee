/** The agent as one JavaScript file. A module that the sources import late runs late in the bundle too. */
import { join } from 'node:path';
import { build } from 'esbuild';
import { lean } from './lean.ts';

export interface Bundle {
  code: string;
  /** Source map, to read the stack of a report. It is not shipped. */
  map: string;
  /** Names of the npm packages that are in it, sorted. */
  packages: string[];
}

/** Bundles src/main.ts of the project, or another file, as CommonJS: that needs no module loader, and starts faster. */
export async function bundle(projectRoot: string, version: string, entry = 'src/main.ts'): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    absWorkingDir: projectRoot,
    entryPoints: [entry],
    inject: ['packaging/unused-globals.ts'],
    bundle: true,
    write: false,
    metafile: true,
    outfile: 'smm-agent.js',
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    // Short names are a megabyte of an idle agent's memory; the map makes the stack of a report readable again.
    minify: true,
    sourcemap: 'external',
    // The package's copyright file has all of them.
    legalComments: 'none',
    define: { SMM_AGENT_VERSION: JSON.stringify(version), 'import.meta.url': 'importMetaUrl' },
    banner: { js: "const importMetaUrl=require('node:url').pathToFileURL(__filename).href;" },
    plugins: [lean],
    logLevel: 'warning',
  });
  const [map, code] = [/\.map$/, /\.js$/].map((name) => outputFiles.find(({ path }) => name.test(path))?.text);
  if (code === undefined || map === undefined) throw new Error('cannot bundle the agent: esbuild gave no output');
  const inputs = Object.values(metafile.outputs).flatMap(({ inputs: used }) =>
    Object.entries(used).flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? [path] : [])),
  );
  return { code, map, packages: packagesOf(inputs) };
}

function packagesOf(paths: readonly string[]): string[] {
  const names = paths.flatMap((path) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? []);
  return [...new Set(names)].sort();
}

/** For build.ts: the folder of a bundled package. */
export function packageFolder(projectRoot: string, name: string): string {
  return join(projectRoot, 'node_modules', name);
}
