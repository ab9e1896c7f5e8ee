/**
 * A program: polls a control plane three times with its token on a mount that hangs, and then works with files
 * elsewhere. Prints what came of it.
 */
import { readFile } from 'node:fs/promises';
import { describeError } from '../../../src/base/errors.ts';
import { KubernetesClient } from '../../../src/control-plane/kubernetes/client.ts';
import { resources, WithMetadata } from '../../../src/control-plane/kubernetes/objects.ts';

const [tokenFile = '', caFile = ''] = process.argv.slice(2);
const client = new KubernetesClient({ server: 'https://127.0.0.1:1', caFile, tokenFile, deadlineMs: 200 });
const said: string[] = [];
// As many as Node has threads for files, and one more.
for (let poll = 0; poll < 5; poll += 1) {
  await client
    .get(resources.namespace('apps'), WithMetadata)
    .catch((error: unknown) => said.push(describeError(error)));
}
await readFile(caFile);
console.log(JSON.stringify(said));
// Node would wait for the thread.
process.kill(process.pid, 'SIGKILL');
