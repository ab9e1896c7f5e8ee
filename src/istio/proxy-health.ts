/**
 * Whether the running proxy has come up. Asked only until its release is confirmed: pilot-agent's ready probe remembers
 * its first success as long as the process lives, so it says nothing about later.
 */
import { z } from 'zod';

export type ProxyHealth = { answer: 'ready' } | { answer: 'not-ready'; reason: string };

/** The URLs of each question, in the order in which they are tried until one of them has the right answer. */
export interface ProxyEndpoints {
  /** Of pilot-agent, usually http://127.0.0.1:15020/healthz/ready; empty if it opens no port for its status. */
  ready: readonly string[];
  /** Of Envoy, usually http://127.0.0.1:15000/server_info. */
  serverInfo: readonly string[];
}

/** For each request. On a loopback address a server answers at once, and without a server the kernel does. */
const DEADLINE_MS = 2_000;
const MAX_ANSWER_BYTES = 1_048_576;
const ServerInfo = z.looseObject({ state: z.string() });

interface Answer {
  status: number;
  data: unknown;
}

/** Never rejects: a proxy that does not answer is not ready, and `reason` says what happened instead. */
export async function proxyHealth({ ready, serverInfo }: ProxyEndpoints): Promise<ProxyHealth> {
  if (ready.length === 0) return notReady('its statusPort is 0, so nothing tells whether it is ready');
  const notYet = (await firstWithout(ready, readyProblem)) ?? (await firstWithout(serverInfo, stateProblem));
  return notYet === null ? { answer: 'ready' } : notReady(notYet);
}

/** null when one of the URLs has an answer without a problem; else the problem of the first URL that answered. */
async function firstWithout(
  urls: readonly string[],
  problem: (answer: Answer) => string | null,
): Promise<string | null> {
  let unanswered: string | null = null;
  let answered: string | null = null;
  for (const url of urls) {
    try {
      const found = problem(await get(url));
      if (found === null) return null;
      answered ??= found;
    } catch (error) {
      unanswered ??= `it does not answer (${error instanceof Error ? error.message : String(error)})`;
    }
  }
  return answered ?? unanswered ?? 'there is nothing to ask';
}

async function get(url: string): Promise<Answer> {
  const { default: axios } = await import('axios');
  return axios.get<unknown>(url, {
    adapter: 'http',
    proxy: false,
    maxRedirects: 0,
    timeout: DEADLINE_MS,
    signal: AbortSignal.timeout(DEADLINE_MS),
    maxContentLength: MAX_ANSWER_BYTES,
    validateStatus: () => true,
  });
}

function readyProblem({ status }: Answer): string | null {
  return status === 200 ? null : `the ready probe answers ${status}`;
}

function stateProblem({ data }: Answer): string | null {
  const info = ServerInfo.safeParse(data);
  if (!info.success) return "Envoy's server_info cannot be understood";
  return info.data.state === 'LIVE' ? null : `Envoy is ${info.data.state}`;
}

function notReady(reason: string): ProxyHealth {
  return { answer: 'not-ready', reason };
}
