/** The agent as one JavaScript file. What is imported late in the sources is run late in the bundle too. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build, type Plugin } from 'esbuild';

export interface Bundle {
  code: string;
  /** Names of the npm packages that are in it, sorted. */
  packages: string[];
}

/**
 * What would be carried along and never run, as memory that an idle agent holds for ever (measured: 4 MB of 26 MB anonymous).
 * - zod: a namespace import lets esbuild drop what no schema uses, above all the texts in 50 languages;
 * - form-data, with its table of MIME types: axios wants it for uploads of forms, which the agent never makes.
 */
const lean: Plugin = {
  name: 'lean',
  setup(builder) {
    builder.onLoad({ filter: /\/src\/.*\.ts$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      return { loader: 'ts', contents: source.replace("import { z } from 'zod'", "import * as z from 'zod'") };
    });
    builder.onLoad({ filter: /\/node_modules\/form-data\/lib\/form_data\.js$/ }, () => {
      return { contents: 'module.exports = class FormData {};' };
    });
  },
};

/** Bundles src/main.ts of the project as CommonJS: that needs no module loader, and starts faster. */
export async function bundle(projectRoot: string, version: string): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    absWorkingDir: projectRoot,
    entryPoints: ['src/main.ts'],
    bundle: true,
    write: false,
    metafile: true,
    outfile: 'smm-agent.js',
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    // Names stay, so that a stack in a report can be read.
    minifyWhitespace: true,
    minifySyntax: true,
    // The package's copyright file has them all.
    legalComments: 'none',
    define: { SMM_AGENT_VERSION: JSON.stringify(version), 'import.meta.url': 'importMetaUrl' },
    banner: { js: "const importMetaUrl=require('node:url').pathToFileURL(__filename).href;" },
    plugins: [lean],
    logLevel: 'warning',
  });
  const [output] = outputFiles;
  if (output === undefined) throw new Error('cannot bundle the agent: esbuild gave no output');
  const inputs = Object.values(metafile.outputs).flatMap(({ inputs: used }) =>
    Object.entries(used).flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? [path] : [])),
  );
  return { code: output.text, packages: packagesOf(inputs) };
}

function packagesOf(paths: readonly string[]): string[] {
  const names = paths.flatMap((path) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? []);
  return [...new Set(names)].sort();
}

/** For build.ts: the folder of a bundled package. */
export function packageFolder(projectRoot: string, name: string): string {
  return join(projectRoot, 'node_modules', name);
}
