/**
 * The token for the API server, and the authorities that may sign
 * it: read for each request, so that a rotated file counts at once.
 */
import { readOperatorFile } from '../../host/files/operator-file.ts';
import { ControlPlaneError } from './failure.ts';

/**
 * The content of the file. Rejects with ControlPlaneError when it cannot be
 * used, or not within the request's time; `doing` is the request that needs it.
 */
export async function credential(
  file: string,
  what: 'token' | 'CA',
  doing: string,
  signal: AbortSignal,
): Promise<string> {
  const remedy =
    what === 'token'
      ? 'smm-agent set bearer-token - stores one'
      : 'smm-agent set control-plane <url> --ca-file <file> stores a copy';
  let text: string;
  try {
    text = (await readOperatorFile(file, signal)).toString('utf8').trim();
  } catch (cause) {
    throw new ControlPlaneError(
      'credentials',
      'SMM214',
      `cannot ${doing}: cannot read the ${what} file ${file}`,
      remedy,
      {
        cause,
      },
    );
  }
  // A header cannot carry a line break: Node would refuse it with an error that quotes the token.
  if (text === '' || (what === 'token' && !/^[\x21-\x7e]+$/.test(text))) {
    const sentence = `cannot ${doing}: the ${what} file ${file} is ${text === '' ? 'empty' : 'not a bearer token'}`;
    throw new ControlPlaneError('credentials', 'SMM214', sentence, remedy);
  }
  return text;
}
