/**
 * `npm test [-- <files or flags of node --test>]`: the fast tests, which need no root, no network and no real parts.
 */
import { availableParallelism } from 'node:os';
import { runTests } from '../test-files.ts';

/** node's own choice leaves a core idle, half of the machine if there are two; and tests wait much of their time. */
const SIDE_BY_SIDE = availableParallelism() + 1;
/**
 * The runner's limit counts for a whole file too; none takes a
 * tenth of it. It ends a file that hangs, so that the run goes on.
 */
const LONGEST_FILE_MS = 600_000;

const options = [`--test-concurrency=${SIDE_BY_SIDE}`, `--test-timeout=${LONGEST_FILE_MS}`];
process.exitCode = await runTests('fast', options, process.argv.slice(2));
