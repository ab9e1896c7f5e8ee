/**
 * A program that stands in the control plane's namespace and lets the tests, which run in the host's, reach addresses
 * there: it listens on a Unix socket (those belong to no network namespace), reads one line `host port`, and passes
 * bytes both ways.
 */
import { connect, createServer, type Socket } from 'node:net';

const MAX_LINE_BYTES = 300;

function serve(client: Socket): void {
  let head = Buffer.alloc(0);
  const onData = (chunk: Buffer): void => {
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf('\n');
    if (end < 0) {
      if (head.length > MAX_LINE_BYTES) client.destroy();
      return;
    }
    client.off('data', onData);
    client.pause();
    const [host, port] = head.subarray(0, end).toString().split(' ');
    join(client, host ?? '', Number(port), head.subarray(end + 1));
  };
  client.on('data', onData);
  client.on('error', () => client.destroy());
}

function join(client: Socket, host: string, port: number, early: Buffer): void {
  const upstream = connect({ host, port });
  // The client learns of a refused connection by the end of its own.
  upstream.on('error', () => client.destroy());
  client.on('error', () => upstream.destroy());
  client.on('close', () => upstream.destroy());
  upstream.on('connect', () => {
    upstream.write(early);
    client.pipe(upstream);
    upstream.pipe(client);
  });
}

const [path] = process.argv.slice(2);
createServer({ allowHalfOpen: true }, serve).listen(path);
