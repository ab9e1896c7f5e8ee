/**
 * A program: keeps `connections` HTTP connections open to a URL and spreads `rate` requests a second over them until
 * SIGTERM. Prints that it asks, and at the end what happened, as JSON. Any error and any connection that the other side
 * closed is counted.
 */
import { Agent, get } from 'node:http';

const [url = '', connections = '1', rate = '1'] = process.argv.slice(2);
const result = {
  requests: 0,
  errors: 0,
  closed: 0,
  statuses: {} as Record<string, number>,
  servers: {} as Record<string, number>,
  slowestMs: 0,
  firstError: '',
};
let stopping = false;
let outstanding = 0;

/** An agent for each connection: one request at a time on it, and a new connection only after the old one was lost. */
const agents = Array.from({ length: Number(connections) }, () => new Agent({ keepAlive: true, maxSockets: 1 }));

function count(counts: Record<string, number>, key: string): void {
  counts[key] = (counts[key] ?? 0) + 1;
}

function failed(error: Error): void {
  result.errors++;
  result.firstError ||= error.message;
}

function ask(agent: Agent): void {
  const begin = performance.now();
  outstanding++;
  result.requests++;
  const outgoing = get(url, { agent }, (incoming) => {
    count(result.statuses, String(incoming.statusCode));
    count(result.servers, String(incoming.headers.server));
    if (incoming.statusCode !== 200) failed(new Error(`status ${incoming.statusCode}`));
    incoming.resume();
    incoming.on('error', failed);
  });
  outgoing.on('socket', (socket) => {
    if (socket.listenerCount('close', lost) === 0) socket.on('close', lost);
  });
  outgoing.on('error', failed);
  outgoing.on('close', () => {
    outstanding--;
    result.slowestMs = Math.max(result.slowestMs, Math.round(performance.now() - begin));
  });
}

function lost(): void {
  if (!stopping) result.closed++;
}

let next = 0;
const begin = performance.now();
process.stdout.write('asks\n');
const timer = setInterval(() => {
  // By the clock, so that a late timer makes up for what it missed.
  const due = ((performance.now() - begin) / 1000) * Number(rate);
  while (result.requests < due) {
    const agent = agents[next++ % agents.length];
    if (agent !== undefined) ask(agent);
  }
}, 5);

process.on('SIGTERM', () => {
  clearInterval(timer);
  const seconds = (performance.now() - begin) / 1000;
  const waiting = setInterval(() => {
    if (outstanding > 0) return;
    clearInterval(waiting);
    stopping = true;
    for (const agent of agents) agent.destroy();
    process.stdout.write(`${JSON.stringify({ ...result, seconds })}\n`);
  }, 10);
});
