/**
 * What an upgrade does on disk, from adoption to cleaning. As a program of its own it can be killed at a named point.
 * Arguments: root of the machine, base URL of the downloads, version.
 */

import { pathsUnder } from '../../../src/base/paths.ts';
import { cleanDownloads } from '../../../src/downloads/clean.ts';
import { OfficialDownloads } from '../../../src/downloads/official.ts';
import { systemClock } from '../../../src/host/clock.ts';
import { adoptInstalled } from '../../../src/istio/releases/adopt.ts';
import { cleanReleases } from '../../../src/istio/releases/clean.ts';
import { ReleaseFindings } from '../../../src/istio/releases/findings.ts';
import { stageRelease } from '../../../src/istio/releases/stage.ts';
import { ReleaseStore } from '../../../src/istio/releases/store.ts';
import { CONFIGURATION } from './scene.ts';

export async function upgrade(root: string, baseUrl: string, version: string): Promise<void> {
  const paths = pathsUnder(root);
  const store = new ReleaseStore(paths);
  const source = new OfficialDownloads({ baseUrl, folder: paths.downloads });
  const adopted = await adoptInstalled(store, {
    revision: 'default',
    configurationKind: 'keep',
    processes: { bootId: 'boot-1', envoy: null, pilotAgent: null },
    discoveryHost: null,
    configure: (current) => current,
  });
  await new ReleaseFindings(paths.state, systemClock).confirm(adopted.id);
  const description = await source.describe(version);
  const release = await stageRelease(store, {
    istioVersion: version,
    revision: 'default',
    packageDigest: description.sha256,
    fetchPackage: () => source.fetch(description),
    configuration: CONFIGURATION,
    configurationKind: 'render',
  });
  await store.setStaged(release.id);
  await cleanReleases(store, new Set());
  const versions = (await store.list()).map(({ istioVersion }) => istioVersion);
  await cleanDownloads(paths.downloads, { istio: new Set(versions) });
}

if (import.meta.main) {
  const [root = '', baseUrl = '', version = ''] = process.argv.slice(2);
  await upgrade(root, baseUrl, version);
}
