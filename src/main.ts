/** The entry point: gives argv and the standard streams to src/cli/dispatch.ts. */
import { dispatch } from './cli/dispatch.ts';

// `smm-agent status | head` closes the pipe early: this is not an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

void dispatch(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  stdin: process.stdin,
  env: process.env,
}).then((code) => {
  process.exitCode = code;
});
