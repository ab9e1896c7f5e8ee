/** Modules of Node that the bundle must not load, and how a test finds out what it has loaded. */

/** Modules of Node that take much memory and are not used: fetch (undici) alone takes 8 MB. */
export const UNUSED = [
  'internal/deps/undici/undici',
  'http2',
  'internal/http2/core',
  'zlib',
  'worker_threads',
  'perf_hooks',
  'readline',
  'assert',
  'internal/navigator',
];

/** Writes the list of loaded modules of Node to a file, on SIGUSR2 and at the end. */
export const WITNESS = `const write = () => {
  require('node:fs').writeFileSync(__filename + '.json', JSON.stringify(process.moduleLoadList));
};
process.on('SIGUSR2', write);
process.on('exit', write);`;
