/** The workload behind Istio: a small HTTP server in the machine, enabled, so that it is there again after a reboot. */

import { until } from '../until.ts';
import type { Machine } from './machine.ts';

/** One process that serves kept connections: under load it must not be what closes them. */
const SERVER = `
import asyncio, socket, sys
BODY = ("hello from " + socket.gethostname() + "\\n").encode()
ANSWER = b"HTTP/1.1 200 OK\\r\\ncontent-type: text/plain\\r\\ncontent-length: " + str(len(BODY)).encode() + b"\\r\\n\\r\\n" + BODY
async def serve(reader, writer):
    try:
        while True:
            await reader.readuntil(b"\\r\\n\\r\\n")
            writer.write(ANSWER)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()
async def main():
    server = await asyncio.start_server(serve, "0.0.0.0", int(sys.argv[1]), backlog=1024)
    await server.serve_forever()
asyncio.run(main())
`;

const UNIT = `[Unit]
Description=The workload of the tests, on port %i

[Service]
ExecStart=/usr/bin/python3 /usr/local/lib/lab-backend.py %i
User=nobody
Restart=always

[Install]
WantedBy=multi-user.target
`;

export async function httpBackend(machine: Machine, port: number): Promise<void> {
  await machine.writeFile('/usr/local/lib/lab-backend.py', SERVER);
  await machine.writeFile('/etc/systemd/system/lab-backend@.service', UNIT);
  await machine.sh(`systemctl daemon-reload && systemctl enable --now lab-backend@${port}`);
  await until(
    `the workload on port ${port}`,
    async () => (await machine.exec(['curl', '-sf', `http://127.0.0.1:${port}/`])).status === 0,
    20_000,
  );
}
