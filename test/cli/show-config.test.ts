import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { Config } from '../../src/config/schema.ts';
import { openTerminal } from '../support/terminal.ts';

const TEXT = `workloadGroup: { namespace: mesh-a, name: vms }
controlPlane: { server: "https://10.0.0.1:6443" }
poll: { schedule: "* * * * *" }
istio:
  downloads: https://me:hunter2@mirror.example/istio
  env: { DB_PASSWORD: hunter2, STRIPE_KEY: hunter2, DB_DSN: "db:hunter2@db", ISTIO_META_NETWORK: vm-1 }
  mesh:
    proxy_metadata: { API_KEY: hunter2, ISTIO_META_CLUSTER_ID: east }
    tracing: { lightstep: { accessToken: hunter2 }, zipkin: { address: "https://me:hunter2@z" }, sampling: 5.5 }
    readinessProbe: { exec: { command: [check, hunter2] }, period_seconds: 7 }
    runtimeValues: { "1": hunter2 }
`;

describe('smm-agent show-config', () => {
  it('prints every key, and marks the keys that the file does not set', async () => {
    await using terminal = await openTerminal();
    await terminal.writeConfig(TEXT);
    const { code, stdout } = await terminal.type(['show-config']);
    assert.equal(code, 0);
    assert.match(stdout, /^ {2}schedule: "\* \* \* \* \*"$/m);
    assert.match(stdout, /^ {2}jitterSeconds: 20 # default$/m);
    assert.match(stdout, /^hold: false # default$/m);
    const shown = parse(stdout) as Config;
    assert.deepEqual(
      Object.keys(shown).toSorted(),
      Object.keys(Config.shape)
        .filter((key) => key !== 'nodeIp')
        .toSorted(),
    );
  });

  it("shows the values of Istio's own settings, and hides all others", async () => {
    await using terminal = await openTerminal();
    await terminal.writeConfig(TEXT);
    for (const args of [['show-config'], ['show-config', '--json']]) {
      const { stdout } = await terminal.type(args);
      assert.doesNotMatch(stdout, /hunter2/);
      for (const known of [/vm-1/, /east/, /5\.5/, /7/]) assert.match(stdout, known);
      for (const key of [/STRIPE_KEY/, /accessToken/]) assert.match(stdout, key);
      assert.match(stdout, /mirror\.example\/istio/);
    }
  });

  it('names the defaults in JSON', async () => {
    await using terminal = await openTerminal();
    await terminal.writeConfig(TEXT);
    const { stdout } = await terminal.type(['show-config', '--json']);
    const { config, defaults } = JSON.parse(stdout) as { config: Config; defaults: string[] };
    assert.equal(config.istio.env.ISTIO_META_NETWORK, 'vm-1');
    assert.equal(config.istio.env.DB_PASSWORD, '(hidden)');
    assert.equal(defaults.includes('poll.jitterSeconds'), true);
    assert.equal(defaults.includes('poll.schedule'), false);
    assert.equal(defaults.includes('istio.env.ISTIO_META_NETWORK'), false);
  });

  it('exits with 78 when the file is wrong, and names every problem', async () => {
    await using terminal = await openTerminal();
    await terminal.writeConfig(`${TEXT}holds: true\nlog: { level: loud }\n`);
    const { code, stdout, stderr } = await terminal.type(['show-config']);
    assert.equal(code, 78);
    assert.equal(stdout, '');
    assert.match(
      stderr,
      /agent\.yaml:12:1: unknown key "holds": did you mean "hold"\?\n.*agent\.yaml:13:15: log\.level must be one of/,
    );
  });
});
