import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NO_LOCAL_CONFIGURATION } from '../../../src/istio/configuration/local.ts';
import {
  type NextConfigurationRequest,
  nextConfiguration,
} from '../../../src/istio/configuration/next-configuration.ts';
import { someInputs } from './cases.ts';

const HOST = 'istiod-canary.istio-system.svc';

function hostsOf(addresses: string[] | Error, knownHosts: string[] = []): Promise<string> {
  const gateway = { status: { loadBalancer: { ingress: [{ hostname: 'lb.example.com' }] } } };
  const request: NextConfigurationRequest = {
    kind: 'render',
    inputs: someInputs({ gateway }),
    own: null,
    isMove: false,
    local: NO_LOCAL_CONFIGURATION,
    activeLink: '/opt/smm-agent/istio/active',
    resolve: async () => {
      if (addresses instanceof Error) throw addresses;
      return addresses;
    },
    knownHosts,
  };
  return nextConfiguration(request).then(({ configuration }) => configuration.hosts);
}

describe('a gateway with a host name that has several addresses', () => {
  // 2 sorts before 7 as a text, and a machine without IPv6 cannot use it: getaddrinfo puts it last (RFC 6724, rule 1).
  const both = ['79.0.0.1', '2001:db8::1'];

  it('has the first that the resolver says, which is one that this machine has a route to', async () => {
    assert.equal(await hostsOf(both), `79.0.0.1 ${HOST}\n`);
  });

  it('keeps the one that is in use, wherever it stands in the answer', async () => {
    assert.equal(await hostsOf(both, [`2001:db8::1 ${HOST}\n`]), `2001:db8::1 ${HOST}\n`);
  });

  it('keeps it also when the machine moves to another revision behind the same gateway', async () => {
    const known = ['79.0.0.2 istiod.istio-system.svc\n'];
    assert.equal(await hostsOf(['79.0.0.1', '79.0.0.2', '79.0.0.3'], known), `79.0.0.2 ${HOST}\n`);
  });

  it('goes on with the one of the same istiod when it does not resolve, and with no other', async () => {
    assert.equal(await hostsOf(new Error('EAI_AGAIN'), [`79.0.0.2 ${HOST}\n`]), `79.0.0.2 ${HOST}\n`);
    await assert.rejects(hostsOf(new Error('EAI_AGAIN'), ['79.0.0.2 istiod.istio-system.svc\n']), { code: 'SMM308' });
  });
});
