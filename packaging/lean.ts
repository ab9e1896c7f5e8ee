/**
 * What the bundle leaves out: code that would be loaded and never run, and that an idle agent would hold for ever.
 * docs/benchmarks.md says what it is worth. What is used after all fails aloud, and test/packaging/lean.test.ts sees that a
 * poll loads none of Node's parts that belong to it.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Plugin } from 'esbuild';

interface LeftOut {
  /** The package whose code asks for it. */
  by: string;
  /** What it asks for, as it spells it. */
  module: string;
  /** CommonJS that takes its place. */
  instead: string;
}

const CLASS = 'module.exports = class { constructor() { throw new Error("this is left out of the bundle"); } };';

const LEFT_OUT: readonly LeftOut[] = [
  // Every request of the agent is HTTP/1.1, with `decompress: false`, and none sends a form. A proxy is the business of Node's own agent.
  { by: 'axios', module: 'http2', instead: 'module.exports = {};' },
  { by: 'axios', module: 'zlib', instead: 'module.exports = { constants: {} };' },
  { by: 'axios', module: 'https-proxy-agent', instead: CLASS },
  { by: 'axios', module: 'proxy-from-env', instead: 'exports.getProxyForUrl = () => "";' },
  { by: 'axios', module: 'form-data', instead: CLASS },
  { by: 'axios', module: './fetch.js', instead: 'exports.getFetch = () => null;' },
  { by: 'axios', module: './xhr.js', instead: 'module.exports = null;' },
  // One of util's own exports (setTraceSigInt) loads Node's threads when it is merely looked at.
  {
    by: 'axios',
    module: 'util',
    instead:
      'const { isDeepStrictEqual, promisify, TextEncoder } = require("node:util");' +
      'module.exports = { isDeepStrictEqual, promisify, TextEncoder };',
  },
  // With `debug` it would print what it does; of `assert` it needs two functions.
  { by: 'follow-redirects', module: 'debug', instead: 'module.exports = () => () => {};' },
  {
    by: 'follow-redirects',
    module: 'assert',
    instead:
      'const ok = (is, message) => { if (!is) throw new Error(message ?? "follow-redirects: assertion failed"); };' +
      'module.exports = Object.assign(ok, { equal: (a, b, message) => ok(a == b, message) });',
  },
  // The agent hands tuf-js its own HTTP: the other way is fetch, with retries, by way of files in /tmp.
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
    // A namespace import lets esbuild drop what no schema uses of zod, above all the texts in 50 languages.
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
