/** `npm test [-- <files or flags of node --test>]`: what needs no root, no network and no real parts, and not long. */
import { availableParallelism } from 'node:os';
import { runTests } from '../test-files.ts';

/** node's own choice leaves a core idle, the only other one where there are two; and much of a test is waiting. */
const SIDE_BY_SIDE = availableParallelism() + 1;
/** The runner's limit holds for a whole file too; none takes a tenth of it. One that hangs ends, instead of the whole run hanging. */
const LONGEST_FILE_MS = 600_000;

const options = [`--test-concurrency=${SIDE_BY_SIDE}`, `--test-timeout=${LONGEST_FILE_MS}`];
process.exitCode = await runTests('fast', options, process.argv.slice(2));
