/**
 * Removes global names for which Node loads large parts of itself as soon as they are read. axios reads them to find
 * out where it runs: fetch and its parts take 8 MB. The agent uses none of them. Only in the bundle, before everything
 * else: without the bundle Node loads modules in another way, which needs `performance`.
 */

const UNUSED = [
  'fetch',
  'FormData',
  'Headers',
  'Request',
  'Response',
  'WebSocket',
  'EventSource',
  'navigator',
  'performance',
];

for (const name of UNUSED) Reflect.deleteProperty(globalThis, name);
