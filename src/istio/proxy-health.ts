/**
 * Whether the proxy that runs has come up. Asked only until its release is confirmed: the ready probe remembers its first
 * success for the life of the process, so it says nothing about later (istio-on-vms.md, section 4).
 */
import { z } from 'zod';

export type ProxyHealth = { answer: 'ready' } | { answer: 'not-ready'; reason: string };

export interface ProxyEndpoints {
  /** Default http://127.0.0.1:15020/healthz/ready, of pilot-agent. */
  ready: string;
  /** Default http://127.0.0.1:15000/server_info, of Envoy. */
  serverInfo: string;
}

export const PROXY_ENDPOINTS: ProxyEndpoints = {
  ready: 'http://127.0.0.1:15020/healthz/ready',
  serverInfo: 'http://127.0.0.1:15000/server_info',
};

const DEADLINE_MS = 2_000;
const MAX_ANSWER_BYTES = 1_048_576;
const ServerInfo = z.looseObject({ state: z.string() });

/** Never rejects: a proxy that does not answer is not ready, and the reason says how it did not. */
export async function proxyHealth(endpoints: ProxyEndpoints): Promise<ProxyHealth> {
  const { default: axios } = await import('axios');
  const get = (url: string) =>
    axios.get<unknown>(url, {
      adapter: 'http',
      proxy: false,
      maxRedirects: 0,
      timeout: DEADLINE_MS,
      signal: AbortSignal.timeout(DEADLINE_MS),
      maxContentLength: MAX_ANSWER_BYTES,
      validateStatus: () => true,
    });
  try {
    const ready = await get(endpoints.ready);
    if (ready.status !== 200) return { answer: 'not-ready', reason: `the ready probe answers ${ready.status}` };
    const info = ServerInfo.safeParse((await get(endpoints.serverInfo)).data);
    if (!info.success) return { answer: 'not-ready', reason: "Envoy's server_info cannot be understood" };
    if (info.data.state !== 'LIVE') return { answer: 'not-ready', reason: `Envoy is ${info.data.state}` };
    return { answer: 'ready' };
  } catch (error) {
    return {
      answer: 'not-ready',
      reason: `it does not answer (${error instanceof Error ? error.message : String(error)})`,
    };
  }
}
