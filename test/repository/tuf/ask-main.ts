/** One turn with the repository, as a program of its own that can be killed at a named point. Argument: its options as JSON. */
import { type RepositoryOptions, SignedRepository } from '../../../src/repository/tuf/signed-repository.ts';
import { TARGET } from './scene.ts';

const client = new SignedRepository(JSON.parse(process.argv[2] ?? '{}') as RepositoryOptions);
await client.fetch(await client.target(TARGET));
