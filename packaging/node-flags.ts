/**
 * The flags of Node for the agent; docs/benchmarks.md says why. Each version brings its flags in a file of its own, so
 * that a later version can have others: systemd/bin/agent-run comes with the package and stays.
 * test/packaging/node-flags.test.ts checks that the two agree.
 */
export const NODE_FLAGS: readonly string[] = [
  '--max-semi-space-size=1',
  '--v8-pool-size=1',
  '--jitless',
  '--disallow-code-generation-from-strings',
  '--expose-gc',
];
