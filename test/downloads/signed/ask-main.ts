/**
 * One turn with the repository, as a program of its own. Arguments: the options as JSON, and the file that it fetches.
 */
import { type RepositoryOptions, SignedRepository } from '../../../src/downloads/signed/signed-repository.ts';

async function main([options = '{}', target = '']: readonly string[]): Promise<void> {
  const client = new SignedRepository(JSON.parse(options) as RepositoryOptions);
  await client.fetch(await client.target(target));
}

void main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
