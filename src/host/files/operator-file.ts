/**
 * A small file that an operator names: a token, authorities. It may lie anywhere, also on a network mount that hangs, where neither a
 * deadline of the caller nor a signal gets a reader back: who waits is let go, and the read goes on in a thread of Node's pool.
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

const MAX_BYTES = 1_048_576;
/** Node has four threads for files, and the agent needs some to go on. */
const MOST_STUCK = 2;

/** State of the process, as the threads are: without it each try on a mount that hangs would take one more of them. */
const reading = new Map<string, Promise<Buffer>>();
/** Those of them that somebody has given up waiting for. */
const stuck = new Set<string>();

/**
 * What the file holds, a mebibyte at most. Rejects with an Error that says why not, at the latest when the signal is aborted. A read that
 * hangs is shared by all who ask for the same file. `read` is another one in tests.
 */
export async function readOperatorFile(file: string, signal: AbortSignal, read = readWhole): Promise<Buffer> {
  signal.throwIfAborted();
  const { promise: late, reject } = Promise.withResolvers<never>();
  const stop = () => {
    if (reading.has(file)) stuck.add(file);
    reject(new Error('the file system that it lies on does not answer'));
  };
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([started(file, read), late]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

function started(file: string, read: typeof readWhole): Promise<Buffer> {
  const same = reading.get(file);
  if (same !== undefined) return same;
  if (stuck.size >= MOST_STUCK) {
    return Promise.reject(new Error(`nothing more is read until ${[...stuck].join(' and ')} can be`));
  }
  const begun = read(file).finally(() => {
    reading.delete(file);
    stuck.delete(file);
  });
  // Nobody may be there any more to be told.
  begun.catch(() => {});
  reading.set(file, begun);
  return begun;
}

async function readWhole(file: string): Promise<Buffer> {
  // O_NONBLOCK: a FIFO without a writer would else hang the same way. Links are followed: mounted secrets are links.
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) throw new Error('it is no file');
    if (stat.size > MAX_BYTES) throw new Error(`it is larger than ${MAX_BYTES} bytes`);
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}
