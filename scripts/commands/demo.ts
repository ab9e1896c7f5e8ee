/** `npm run demo`. */
import { runHere } from '../project.ts';

process.exitCode = await runHere(process.execPath, ['test/demo/main.ts', ...process.argv.slice(2)]);
