/**
 * A small file that an operator names: a token, authorities. It may lie on a network mount that hangs, where neither a
 * deadline nor a signal ends a read: the caller stops waiting, and the read goes on in a thread of Node's pool.
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

const MAX_BYTES = 1_048_576;
/** Node has four threads for files, and the agent needs some of them for its work. */
const MOST_STUCK = 2;

/**
 * Module state, since the threads are the process's: without
 * it each try on a mount that hangs would take another thread.
 */
const reading = new Map<string, Promise<Buffer>>();
/** Files for whose content a caller has stopped waiting. */
const stuck = new Set<string>();

/**
 * The file's content, at most 1 MiB. Rejects with an Error that says why it cannot be read, at the latest when the
 * signal is aborted. All callers that ask for the same file share one read. Tests give another `read`.
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
    return Promise.reject(new Error(`no other file is read until ${[...stuck].join(' and ')} can be read`));
  }
  const begun = read(file).finally(() => {
    reading.delete(file);
    stuck.delete(file);
  });
  // When every caller has stopped waiting, a failure must not be an unhandled rejection.
  begun.catch(() => {});
  reading.set(file, begun);
  return begun;
}

async function readWhole(file: string): Promise<Buffer> {
  // O_NONBLOCK, since a FIFO without a writer would hang the same way. Links are followed: mounted secrets are links.
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) throw new Error('it is not a file');
    if (stat.size > MAX_BYTES) throw new Error(`it is larger than ${MAX_BYTES} bytes`);
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}
