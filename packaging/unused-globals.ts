/**
 * Takes names away that Node loads large parts of itself for when somebody merely looks at them, as axios does to see where
 * it runs: 8 MB for fetch and what belongs to it. The agent uses none of them. Only in the bundle, before everything
 * else: sources that run as they are load Node's modules in another way, which needs `performance`.
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
