/** What an answer of the API server means when its status is not 2xx. */
import { z } from 'zod';
import { parseJson } from '../../host/json.ts';
import type { Answer } from './exchange.ts';
import { ControlPlaneError } from './failure.ts';
import { describeRequest, type Resource, type Verb } from './resource.ts';

/**
 * `kind: Status` of Kubernetes. An answer without it comes from elsewhere: a proxy, a load balancer, a captive portal.
 */
const Status = z.object({ kind: z.literal('Status'), message: z.string().default(''), reason: z.string().default('') });

/** The failure for an answer whose status is not 2xx. */
export function answerFailure(answer: Answer, verb: Verb, resource: Resource, server: string): ControlPlaneError {
  const { status } = answer;
  const doing = describeRequest(verb, resource);
  const said = statusOf(answer, resource);
  if (status >= 500) return serverError(answer, doing, server);
  if (said === null) return notKubernetes(answer, doing, server);
  const why = said.message === '' ? '' : `: ${said.message}`;
  switch (status) {
    case 401:
      return new ControlPlaneError(
        'forbidden',
        'SMM201',
        `cannot ${doing}: the API server refused the token`,
        "put a valid token of the agent's service account in place: smm-agent set bearer-token -",
        { status },
      );
    case 403:
      return new ControlPlaneError(
        'forbidden',
        'SMM202',
        `cannot ${doing}: forbidden${why}`,
        "grant that right to the agent's service account: docs/control-plane.md lists all that it needs",
        { status },
      );
    case 404:
      return new ControlPlaneError('missing', 'SMM203', `cannot ${doing}: not found`, 'create it, or check its name', {
        status,
      });
    case 409:
      return new ControlPlaneError(
        'conflict',
        'SMM204',
        `cannot ${doing}: conflict${why}`,
        'nothing to do: the agent tries again',
        {
          status,
        },
      );
    default:
      return new ControlPlaneError(
        'rejected',
        'SMM212',
        `cannot ${doing}: rejected with ${status}${why}`,
        'put right what the message of the API server names; the agent tries again',
        { status },
      );
  }
}

/** The server asks the agent to wait: 429, or 503 with Retry-After. `retryAfterMs` is that wait, capped. */
export function throttledFailure(status: number, doing: string, retryAfterMs: number): ControlPlaneError {
  const wait = `${Math.ceil(retryAfterMs / 1000)} s`;
  return new ControlPlaneError(
    'throttled',
    'SMM209',
    `cannot ${doing} yet: the API server asks to wait ${wait} (HTTP ${status})`,
    'nothing to do: the agent tries again by itself',
    { status, retryAfterMs },
  );
}

/** An answer of status 2xx that is not what was asked for. */
export function invalidAnswer(doing: string, what: string, cause?: unknown): ControlPlaneError {
  return new ControlPlaneError(
    'invalid',
    'SMM210',
    `cannot ${doing}: the answer is not usable: ${what}`,
    'check that controlPlane.server is the URL of a Kubernetes API server',
    cause === undefined ? {} : { cause },
  );
}

function serverError({ status }: Answer, doing: string, server: string): ControlPlaneError {
  const sentence = `cannot ${doing}: ${server} answered with HTTP ${status}`;
  return new ControlPlaneError('unreachable', 'SMM213', sentence, 'look at the log of the API server', { status });
}

function notKubernetes({ status }: Answer, doing: string, server: string): ControlPlaneError {
  const redirect = status >= 300 && status < 400;
  const sentence = redirect
    ? `cannot ${doing}: ${server} redirects elsewhere (HTTP ${status}), and redirects are not followed`
    : `cannot ${doing}: HTTP ${status} from ${server}, but not from a Kubernetes API server`;
  const remedy = 'check controlPlane.server, and whether a proxy stands between';
  return new ControlPlaneError('invalid', 'SMM211', sentence, remedy, { status });
}

function statusOf({ status, body }: Answer, { group }: Resource): z.infer<typeof Status> | null {
  // The API server answers with these words for an API group that it does not serve: an absent CRD. For the groups that
  // every API server serves, they come from another program: Go's HTTP server has the same words.
  if (status === 404 && body.trim() === '404 page not found' && group.includes('.') && !group.endsWith('.k8s.io')) {
    return { kind: 'Status', message: '', reason: 'NotFound' };
  }
  if (!body.startsWith('{')) return null;
  return Status.safeParse(parseJson(body)).data ?? null;
}
