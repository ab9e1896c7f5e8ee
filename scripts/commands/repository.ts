/**
 * `npm run repository -- <command>`: the publisher of the signed repository. Relative paths begin where npm was called.
 */
import { dispatch } from '../../publisher/commands/dispatch.ts';

process.exitCode = await dispatch(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  cwd: process.env.INIT_CWD ?? process.cwd(),
});
