/**
 * How Node is to run the agent; docs/benchmarks.md says why. Each version brings its flags in a file of its own, so that a later
 * one can have others: systemd/bin/agent-run comes with the package and stays. test/packaging/node-flags.test.ts sees that both agree.
 */
export const NODE_FLAGS: readonly string[] = [
  '--max-semi-space-size=1',
  '--v8-pool-size=1',
  '--jitless',
  '--disallow-code-generation-from-strings',
  '--expose-gc',
];
