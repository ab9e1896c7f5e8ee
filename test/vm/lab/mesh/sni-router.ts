/**
 * In front of the istiods an Envoy that passes TLS through by the name asked for, as an east-west gateway does:
 * machines reach both at one address and port.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Daemon, startDaemon } from '../host/daemon.ts';
import type { Ledger } from '../host/ledger.ts';
import { CONTROL_PLANE_ADDRESS } from '../host/network.ts';
import { istiodHost } from './cluster.ts';
import { portsOf, REVISIONS } from './istiod.ts';

export function startSniRouter(ledger: Ledger, netns: string, envoy: string, folder: string): Daemon {
  const config = join(folder, 'sni-router.json');
  writeFileSync(config, JSON.stringify(sniRouterConfig()));
  return startDaemon(ledger, {
    what: 'the SNI router',
    netns,
    logFile: join(folder, 'sni-router.log'),
    argv: [envoy, '-c', config, '--disable-hot-restart', '--concurrency', '1', '--log-level', 'warn'],
  });
}

function sniRouterConfig(): object {
  const extension = (name: string): object => ({ '@type': `type.googleapis.com/envoy.extensions.filters.${name}` });
  const address = (host: string, port: number): object => ({ socket_address: { address: host, port_value: port } });
  const listener = {
    name: 'gateway',
    address: address(CONTROL_PLANE_ADDRESS, 15_012),
    listener_filters: [{ name: 'tls_inspector', typed_config: extension('listener.tls_inspector.v3.TlsInspector') }],
    filter_chains: REVISIONS.map((revision) => ({
      filter_chain_match: { server_names: [istiodHost(revision)] },
      filters: [
        {
          name: 'tcp_proxy',
          typed_config: { ...extension('network.tcp_proxy.v3.TcpProxy'), stat_prefix: revision, cluster: revision },
        },
      ],
    })),
  };
  const clusters = REVISIONS.map((revision) => ({
    name: revision,
    type: 'STATIC',
    connect_timeout: '5s',
    load_assignment: {
      cluster_name: revision,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: address('127.0.0.1', portsOf(revision).secureGrpc) } }] }],
    },
  }));
  return { admin: { address: address('127.0.0.1', 15_900) }, static_resources: { listeners: [listener], clusters } };
}
