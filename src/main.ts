/** What argv means: the process's side of src/cli/dispatch.ts. */
import { dispatch } from './cli/dispatch.ts';

// `smm-agent status | head` closes the pipe early: that is the reader's choice and no error.
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
