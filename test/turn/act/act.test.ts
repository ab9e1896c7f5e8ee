import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { Config } from '../../../src/config/schema.ts';
import { systemdBelow } from '../../../src/host/systemd/below.ts';
import { RELEASE_FILES } from '../../../src/istio/release.ts';
import { stageRelease } from '../../../src/istio/releases/stage.ts';
import { take } from '../../../src/turn/act/act.ts';
import type { TurnEvent } from '../../../src/turn/events.ts';
import { CONFIGURATION, Scene } from '../../istio/releases/scene.ts';
import { DownloadServer } from '../../sandbox/downloads.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { observed, release } from '../../support/observed.ts';

/** Istio 1.31.0 is on disk, and is wanted with another configuration. */
async function stageAnotherConfiguration(
  scene: Scene,
  downloads: DownloadServer,
  pin: string | null = null,
): Promise<TurnEvent[]> {
  const { paths, store } = scene;
  const config = Config.parse({
    workloadGroup: { namespace: 'vm-apps', name: 'reviews' },
    controlPlane: { server: 'https://127.0.0.1:1' },
    istio: { downloads: downloads.url },
  });
  const releases = (await store.list()).map((manifest) => release(manifest.id, manifest, CONFIGURATION));
  const configuration = { ...CONFIGURATION, clusterEnv: 'ISTIO_INBOUND_PORTS=8080\n' };
  const revision = { asked: 'default', name: 'default' };
  const told: TurnEvent[] = [];
  await take(
    {
      do: 'stage',
      wanted: { answer: 'release', istioVersion: '1.31.0', revision, kind: 'render', configuration },
      repository: null,
      key: 'stage 1.31.0',
      why: 'wanted',
    },
    {
      paths,
      clock: new ManualClock(),
      services: systemdBelow(paths),
      config,
      repository: () => Promise.reject(new Error('nothing is asked for')),
      pinOf: () => pin,
    },
    {
      observed: async () => observed({ releases }),
      tell: (event) => told.push(event),
      signal: new AbortController().signal,
    },
  );
  return told;
}

describe('another configuration of a version that is on disk', () => {
  it('needs no download', async () => {
    await using scene = await Scene.begin();
    await using downloads = await new DownloadServer().start();
    await stageRelease(scene.store, await scene.request('1.31.0'));
    await stageAnotherConfiguration(scene, downloads);
    assert.notEqual(await scene.store.link('staged'), null);
    assert.deepEqual(downloads.requests, []);
  });

  it('needs a download when the control plane pins another package than the one on disk', async () => {
    await using scene = await Scene.begin();
    await using downloads = await new DownloadServer().start();
    const request = await scene.request('1.31.0');
    await stageRelease(scene.store, request);
    const before = await scene.store.link('staged');
    downloads.publish('1.31.0', await readFile(request.path));
    await assert.rejects(stageAnotherConfiguration(scene, downloads, 'ab'.repeat(32)), { code: 'SMM415' });
    assert.equal(await scene.store.link('staged'), before);
    await stageAnotherConfiguration(scene, downloads, request.packageDigest);
    assert.notEqual(await scene.store.link('staged'), null);
  });

  it('needs a download when the programs on disk have changed', async () => {
    await using scene = await Scene.begin();
    await using downloads = await new DownloadServer().start();
    const request = await scene.request('1.31.0');
    downloads.publish('1.31.0', await readFile(request.path));
    const { id } = await stageRelease(scene.store, request);
    const envoy = join(scene.store.folder(id), RELEASE_FILES.envoy);
    // The file keeps its size: only its digest shows the change.
    await writeFile(envoy, (await readFile(envoy)).fill('x'));
    const told = await stageAnotherConfiguration(scene, downloads);
    assert.notEqual(await scene.store.link('staged'), null);
    assert.equal(downloads.requests.length, 2);
    // A file that fpm adds to every package is logged at level debug.
    const details = told.flatMap((event) => (event.kind === 'detail' ? [event.fields.path] : []));
    assert.deepEqual(details, ['./usr/share/doc/istio-sidecar/changelog.gz']);
  });
});

describe("istiod's line in /etc/hosts", () => {
  const line = '10.0.0.1 istiod.istio-system.svc';
  /** Takes the step; the package's unit runs `repair`. */
  async function restore(scene: Scene, repair: (hosts: string) => Promise<void>): Promise<string[]> {
    const { paths } = scene;
    const started: string[] = [];
    await mkdir(dirname(paths.hosts), { recursive: true });
    const services = systemdBelow(paths);
    services.start = async (name) => {
      started.push(name);
      await repair(paths.hosts);
    };
    const config = Config.parse({
      workloadGroup: { namespace: 'vm-apps', name: 'reviews' },
      controlPlane: { server: 'https://127.0.0.1:1' },
    });
    const repository = () => Promise.reject(new Error('nothing is asked for'));
    await take(
      { do: 'restore-hosts', line, why: 'it is missing' },
      { paths, clock: new ManualClock(), services, config, repository, pinOf: () => null },
      { observed: async () => observed(), tell: () => {}, signal: new AbortController().signal },
    );
    return started;
  }

  it('is restored by the unit of the package, since the agent cannot write there', async () => {
    await using scene = await Scene.begin();
    const started = await restore(scene, (hosts) => writeFile(hosts, `${line} # smm-agent\n`));
    assert.deepEqual(started, ['smm-agent-hosts.service']);
  });

  it('is reported as still missing if the unit did not restore it, or failed', async () => {
    await using scene = await Scene.begin();
    await assert.rejects(
      restore(scene, async () => {}),
      { code: 'SMM512', message: /it is still missing/ },
    );
    await assert.rejects(
      restore(scene, () => Promise.reject(new Error('there is no such unit'))),
      { code: 'SMM512' },
    );
  });
});
