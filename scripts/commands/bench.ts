/** `npm run bench`. */
import { runHere } from '../project.ts';

process.exitCode = await runHere(process.execPath, ['test/bench/main.ts', ...process.argv.slice(2)]);
