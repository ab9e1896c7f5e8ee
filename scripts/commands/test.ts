/** `npm test [-- <files or flags of node --test>]`: everything that needs no root, no network and no real parts. */
import { runTests } from '../test-files.ts';

process.exitCode = await runTests('fast', [], process.argv.slice(2));
