/** The root that a package brings: checked before it is on a thousand machines. */
import { PublishError } from '../errors.ts';
import { readMetadata } from './metadata.ts';
import { isSignedFor } from './signatures.ts';

/** Rejects for a file that no client could begin with. */
export async function checkTrustedRoot(file: string): Promise<void> {
  const { metadata } = await readMetadata(file, 'root');
  if (isSignedFor(metadata.signed, 'root', metadata)) return;
  throw new PublishError(
    `cannot ship ${file}: too few of its own keys have signed it`,
    'give <version>.root.json from the folder metadata of the repository',
  );
}
