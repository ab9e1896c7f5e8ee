/** What the bundle may load of Node, and how a test sees what it has loaded. */

/** Node's own modules by what they cost: fetch alone is 8 MB. */
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

/** Writes down what Node has loaded of itself, when asked by a signal and at the end. */
export const WITNESS = `const write = () => {
  require('node:fs').writeFileSync(__filename + '.json', JSON.stringify(process.moduleLoadList));
};
process.on('SIGUSR2', write);
process.on('exit', write);`;
