/**
 * Leaves code out of the bundle that would be loaded and never run, and that an idle agent would keep in memory for
 * ever. docs/benchmarks.md says how much that saves. Code that is used nevertheless throws an error, and
 * test/packaging/lean.test.ts checks that a poll loads none of the parts of Node that it needs.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Plugin } from 'esbuild';

interface LeftOut {
  /** The package whose code imports it. */
  by: string;
  /** The import, as the package spells it. */
  module: string;
  /** CommonJS that takes its place. */
  instead: string;
}

const CLASS = 'module.exports = class { constructor() { throw new Error("this is left out of the bundle"); } };';

const LEFT_OUT: readonly LeftOut[] = [
  // Every request of the agent is HTTP/1.1, with `decompress:
  // false`, and none sends a form. Node's own agent handles a proxy.
  { by: 'axios', module: 'http2', instead: 'module.exports = {};' },
  { by: 'axios', module: 'zlib', instead: 'module.exports = { constants: {} };' },
  { by: 'axios', module: 'https-proxy-agent', instead: CLASS },
  { by: 'axios', module: 'proxy-from-env', instead: 'exports.getProxyForUrl = () => "";' },
  { by: 'axios', module: 'form-data', instead: CLASS },
  { by: 'axios', module: './fetch.js', instead: 'exports.getFetch = () => null;' },
  { by: 'axios', module: './xhr.js', instead: 'module.exports = null;' },
  // One of util's own exports (setTraceSigInt) loads Node's threads as soon as it is read.
  {
    by: 'axios',
    module: 'util',
    instead:
      'const { isDeepStrictEqual, promisify, TextEncoder } = require("node:util");' +
      'module.exports = { isDeepStrictEqual, promisify, TextEncoder };',
  },
  // `debug` only prints; of `assert` follow-redirects needs two functions.
  { by: 'follow-redirects', module: 'debug', instead: 'module.exports = () => () => {};' },
  {
    by: 'follow-redirects',
    module: 'assert',
    instead:
      'const ok = (is, message) => { if (!is) throw new Error(message ?? "follow-redirects: assertion failed"); };' +
      'module.exports = Object.assign(ok, { equal: (a, b, message) => ok(a == b, message) });',
  },
  // The agent gives tuf-js its own HTTP: the default is fetch, with retries and files in /tmp.
  { by: 'tuf-js', module: './fetcher', instead: `exports.DefaultFetcher = ${CLASS.replace('module.exports = ', '')}` },
  { by: 'tuf-js', module: 'debug', instead: 'module.exports = () => () => {};' },
  { by: 'tuf-js', module: '../package.json', instead: 'exports.version = "";' },
  // pino's transports are threads, and its destinations buffer; the log is written by this thread, at once.
  { by: 'pino', module: 'thread-stream', instead: CLASS },
  { by: 'pino', module: 'sonic-boom', instead: CLASS },
  { by: 'pino', module: 'worker_threads', instead: 'exports.isMainThread = true;' },
];

const LOCAL_TIME = join(import.meta.dirname, 'local-time-format.ts');

export const lean: Plugin = {
  name: 'lean',
  setup(builder) {
    // A namespace import lets esbuild drop the parts of zod that no schema uses, above all the texts in 50 languages.
    builder.onLoad({ filter: /\/src\/.*\.ts$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      return { loader: 'ts', contents: source.replace("import { z } from 'zod'", "import * as z from 'zod'") };
    });
    builder.onLoad({ filter: /\/node_modules\/node-cron\/dist\/.*\.js$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      if (!source.includes('Intl.DateTimeFormat')) return { contents: source };
      const instead = `import { LocalTimeFormat } from ${JSON.stringify(LOCAL_TIME)}; const Intl = { DateTimeFormat: LocalTimeFormat };`;
      return { contents: `${instead}\n${source}` };
    });
    builder.onResolve({ filter: /./ }, ({ path, importer }) => {
      const index = LEFT_OUT.findIndex(
        ({ by, module }) => module === path && importer.includes(`/node_modules/${by}/`),
      );
      return index < 0 ? undefined : { path: String(index), namespace: 'left-out' };
    });
    builder.onLoad({ filter: /./, namespace: 'left-out' }, ({ path }) => {
      return { contents: LEFT_OUT[Number(path)]?.instead ?? '' };
    });
  },
};
