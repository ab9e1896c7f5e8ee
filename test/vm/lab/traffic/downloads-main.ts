/**
 * A program: the download server of the tests. It serves a folder as a bucket does (with Range), and misbehaves as
 * `faults.json` beside the folder says; that file is read again for each request. Prints its port when it listens. Each
 * request becomes a line of requests.jsonl.
 */
import { appendFileSync, createReadStream, existsSync, readFileSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { join, normalize } from 'node:path';
import { Transform } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Fault } from './downloads.ts';

const [folder = '', address = '', tlsCert, tlsKey] = process.argv.slice(2);
const files = join(folder, 'files');
const used = new Map<string, number>();

function faultFor(path: string): Fault | undefined {
  const file = join(folder, 'faults.json');
  if (!existsSync(file)) return undefined;
  const faults = JSON.parse(readFileSync(file, 'utf8')) as Fault[];
  return faults.find((fault) => new RegExp(fault.path).test(path) && isStillDue(fault));
}

/** A fault with `times` goes away by itself: for tests which show that the agent tries again. */
function isStillDue(fault: Fault): boolean {
  if (fault.times === undefined) return true;
  const key = JSON.stringify(fault);
  const count = used.get(key) ?? 0;
  used.set(key, count + 1);
  return count < fault.times;
}

function serve(request: IncomingMessage, response: ServerResponse): void {
  const path = normalize(decodeURIComponent(new URL(request.url ?? '/', 'http://x').pathname));
  const fault = faultFor(path);
  const note = {
    at: Date.now(),
    method: request.method,
    path,
    range: request.headers.range,
    userAgent: request.headers['user-agent'],
    fault: fault?.kind,
  };
  appendFileSync(join(folder, 'requests.jsonl'), `${JSON.stringify(note)}\n`);
  response.on('error', () => response.destroy());
  const file = join(files, path);
  if (fault?.kind === 'hang') return;
  if (fault?.kind === 'status') answer(response, fault.status, fault.headers);
  else if (!existsSync(file) || !statSync(file).isFile()) answer(response, 404);
  else sendFile(request, response, file, fault);
}

function answer(response: ServerResponse, status: number, headers: Readonly<Record<string, string>> = {}): void {
  response.writeHead(status, headers).end(`${status}\n`);
}

function sendFile(request: IncomingMessage, response: ServerResponse, file: string, fault: Fault | undefined): void {
  const { size, mtimeMs } = statSync(file);
  const etag = `"${size}-${mtimeMs}"`;
  const fresh = request.headers['if-range'] === undefined || request.headers['if-range'] === etag;
  const range = fresh ? /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') : null;
  const start = range === null ? 0 : Number(range[1]);
  const end = Math.min(range?.[2] ? Number(range[2]) : size - 1, size - 1);
  if (start > end) {
    answer(response, 416, { 'content-range': `bytes */${size}` });
    return;
  }
  const headers = {
    'accept-ranges': 'bytes',
    etag,
    'content-length': fault?.kind === 'length' ? fault.bytes : end - start + 1,
    'content-type': 'application/octet-stream',
  };
  if (range === null) response.writeHead(200, headers);
  else response.writeHead(206, { ...headers, 'content-range': `bytes ${start}-${end}/${size}` });
  if (request.method === 'HEAD') {
    response.end();
    return;
  }
  const source = createReadStream(file, { start, end });
  source.on('error', () => response.destroy());
  response.on('close', () => source.destroy());
  source.pipe(misbehaving(response, start, fault)).pipe(response);
}

/** Bytes as they are on disk, or what the fault makes of them. */
function misbehaving(response: ServerResponse, start: number, fault: Fault | undefined): Transform {
  let sent = 0;
  return new Transform({
    async transform(chunk: Buffer, _encoding, done) {
      sent += chunk.length;
      if (fault?.kind === 'slow') await sleep((chunk.length / fault.bytesPerSecond) * 1000);
      if (fault?.kind === 'cut' && sent >= fault.afterBytes) {
        response.destroy();
        return;
      }
      // The last byte, so that the length is right and nothing but the digest can tell.
      if (fault?.kind === 'wrong-bytes' && start + sent > 0) chunk[chunk.length - 1] = (chunk.at(-1) ?? 0) ^ 0xff;
      done(null, chunk);
    },
  });
}

const server =
  tlsCert === undefined || tlsKey === undefined
    ? createServer(serve)
    : createTlsServer({ cert: readFileSync(tlsCert), key: readFileSync(tlsKey) }, serve);
server.listen(0, address, () => {
  const bound = server.address();
  process.stdout.write(`${JSON.stringify({ port: typeof bound === 'object' ? bound?.port : undefined })}\n`);
});
