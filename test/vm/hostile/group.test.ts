/**
 * What a user with the right to edit a WorkloadGroup can make root's istio-iptables do: rendered by us, sourced by bash
 * as in Istio's start script, and run by the real pilot-agent and iptables in a network namespace of its own. Needs
 * root and no machine.
 */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { AgentError } from '../../../src/base/errors.ts';
import { renderVmFiles } from '../../../src/istio/configuration/render.ts';
import { annotated, someInputs } from '../../istio/configuration/cases.ts';
import { type TemporaryFolder, temporaryFolder } from '../../support/temporary.ts';
import { run } from '../lab/host/run.ts';
import { pilotAgent } from '../lab/parts/go-parts.ts';

/**
 * Each key that istio-iptables reads (tools/istio-iptables/pkg/cmd/root.go, pkg/constants), with a value as Istio
 * expects it.
 */
const SETTINGS: Readonly<Record<string, string>> = {
  ENVOY_PORT: '15001',
  INBOUND_CAPTURE_PORT: '15006',
  INBOUND_TUNNEL_PORT: '15008',
  ISTIO_INBOUND_INTERCEPTION_MODE: 'REDIRECT',
  ISTIO_OUTBOUND_PORTS: '80,443',
  ISTIO_SERVICE_EXCLUDE_CIDR: '169.254.169.254/32',
  ISTIO_LOCAL_OUTBOUND_PORTS_EXCLUDE: '25',
  ISTIO_EXCLUDE_INTERFACES: 'docker0,veth+',
  KUBE_VIRT_INTERFACES: 'tap0',
  ISTIO_OUTBOUND_OWNER_GROUPS: '*',
  ISTIO_OUTBOUND_OWNER_GROUPS_EXCLUDE: 'root,0',
  ISTIO_OUTBOUND_IPV4_LOOPBACK_CIDR: '127.0.0.1/32',
  ISTIO_META_DNS_CAPTURE: 'false',
  CAPTURE_ALL_DNS: 'false',
  INVALID_DROP: 'true',
  ISTIO_DUAL_STACK: 'true',
};
const LINES = '\nCOMMIT\n*filter\n-A INPUT -p tcp --dport 22 -j DROP\nCOMMIT\n*nat\n-A ISTIO_INBOUND -p tcp -j RETURN';
const OPTIONS = ' -j ACCEPT -m comment --comment x';

let folder: TemporaryFolder;
let agent: string;
before(async () => {
  [folder, agent] = [await temporaryFolder(), await pilotAgent('1.31.1')];
});
after(() => folder[Symbol.asyncDispose]());

describe("a WorkloadGroup's settings of the redirect", () => {
  it('are taken by the real istio-iptables where they are rendered', async () => {
    for (const [key, value] of Object.entries(SETTINGS)) {
      const { status, rules } = await applied(rendered({ [key]: value }) ?? '');
      assert.equal(status, 0, key);
      assert.match(rules, /:ISTIO_OUTPUT /, key);
      assert.deepEqual(foreign(rules), [], key);
    }
  });

  it('put no line and no option of their own into what root gives to iptables-restore', async () => {
    const keys = [...Object.keys(SETTINGS), 'ISTIO_INBOUND_PORTS', 'ISTIO_SERVICE_CIDR', 'ISTIO_LOCAL_EXCLUDE_PORTS'];
    for (const key of keys) {
      for (const attack of [LINES, OPTIONS]) {
        const clusterEnv = rendered({ [key]: `${SETTINGS[key] ?? '80'}${attack}` });
        assert.equal(clusterEnv, null, `${key} is rendered with ${JSON.stringify(attack)}`);
      }
    }
  });

  it('would be seen here: a value that istio-iptables is given as it is makes a rule in the filter table', async () => {
    const { rules } = await applied(`INBOUND_CAPTURE_PORT='15006${LINES}'\nISTIO_INBOUND_PORTS='*'\n`);
    assert.deepEqual(foreign(rules), ['-A INPUT -p tcp -m tcp --dport 22 -j DROP']);
  });
});

/** cluster.env; null when it is refused. */
function rendered(proxyMetadata: Record<string, string>): string | null {
  const inputs = someInputs({ workloadGroup: annotated({ proxyMetadata }), captureDNS: false });
  try {
    return renderVmFiles(inputs).clusterEnv;
  } catch (error) {
    assert.ok(error instanceof AgentError && error.code === 'SMM304', String(error));
    return null;
  }
}

/** Rules and default chains of the namespace after istio-iptables has run with this environment, and how that ended. */
async function applied(clusterEnv: string): Promise<{ status: number | null; rules: string }> {
  await writeFile(join(folder.path, 'cluster.env'), clusterEnv);
  const script = [
    'ip link set lo up && ip link add br0 type bridge && ip addr add 10.9.9.1/24 dev br0 && ip link set br0 up',
    // In a shell of its own: the settings of the file are in the environment of istio-iptables only.
    `(set -ea; . ./cluster.env; set +a; exec ${agent} istio-iptables) >log 2>&1; status=$?`,
    'iptables-save; ip6tables-save; exit $status',
  ].join('\n');
  const argv = ['unshare', '--net', '/bin/bash', '--norc', '-c', script];
  const { status, stdout } = await run(argv, { cwd: folder.path, timeoutMs: 30_000 });
  return { status, rules: stdout };
}

/** Rules of a table or chain in which Istio has none, apart from those that lead to its own chains. */
function foreign(rules: string): string[] {
  let table = '';
  return rules.split('\n').filter((line) => {
    if (line.startsWith('*')) table = line.slice(1);
    if (!line.startsWith('-A ')) return false;
    return table === 'filter' || !/ISTIO_|^-A (?:PREROUTING|OUTPUT) .*-j (?:ISTIO_\w+|CT|RETURN|DROP)/.test(line);
  });
}
