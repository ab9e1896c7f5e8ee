import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { DOWNLOAD_LIMITS, type DownloadLimits } from '../../src/downloads/limits.ts';
import { downloadName, OfficialDownloads } from '../../src/downloads/official.ts';
import type { FetchOptions } from '../../src/downloads/source.ts';
import { DownloadServer } from '../sandbox/downloads.ts';
import { HOST_ARCHITECTURE } from '../sandbox/istio-package.ts';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary.ts';

const CONTENT = randomBytes(1_000_000);
const OTHER = randomBytes(900_000);
const VERSION = '1.31.0';
const NAME = downloadName(VERSION, HOST_ARCHITECTURE);
const WITHOUT_PAUSES: DownloadLimits = { ...DOWNLOAD_LIMITS, pauseMs: 0, breaks: 3 };
/** For servers that let one wait. With others a busy machine would be taken for a slow server. */
const IMPATIENT = { stallMs: 1000, deadlineMs: 10_000 };

/** A server with one version, and a client of it in a folder of its own. */
class Scene implements AsyncDisposable {
  readonly server: DownloadServer;
  readonly #folder: TemporaryFolder;

  constructor(server: DownloadServer, folder: TemporaryFolder) {
    this.server = server;
    this.#folder = folder;
  }

  static async begin(): Promise<Scene> {
    const server = await new DownloadServer().start();
    server.publish(VERSION, CONTENT);
    return new Scene(server, await temporaryFolder());
  }

  get folder(): string {
    return join(this.#folder.path, 'cache');
  }

  source(limits: Partial<DownloadLimits> = {}): OfficialDownloads {
    const { url } = this.server;
    return new OfficialDownloads({
      baseUrl: url,
      folder: this.folder,
      limits: { ...WITHOUT_PAUSES, ...limits },
      digestLimits: { ...WITHOUT_PAUSES, ...limits },
    });
  }

  async fetch(options: FetchOptions = {}, limits: Partial<DownloadLimits> = {}) {
    const source = this.source(limits);
    return source.fetch(await source.describe(VERSION), options);
  }

  /** Path of what was fetched, checked, with nothing else beside it. */
  async assertFetched(expected = CONTENT): Promise<void> {
    assert.deepEqual(await readdir(this.folder), [NAME]);
    assert.ok(
      expected.equals(await readFile(join(this.folder, NAME))),
      'the file has other bytes than the published one',
    );
  }

  packageRequests() {
    return this.server.requests.filter(({ path }) => path.endsWith('.deb')).map(({ range }) => range);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    await this.#folder[Symbol.asyncDispose]();
  }
}

describe('a package that is published', () => {
  it('is fetched once, with its progress, and found again', async () => {
    await using scene = await Scene.begin();
    const seen: number[] = [];
    const fetched = await scene.fetch({ onProgress: ({ bytes, total }) => seen.push(bytes, total ?? -1) });
    assert.equal(fetched.sha256, createHash('sha256').update(CONTENT).digest('hex'));
    assert.equal(fetched.bytes, CONTENT.length);
    assert.deepEqual(seen.slice(-2), [CONTENT.length, CONTENT.length]);
    await scene.fetch();
    assert.equal(scene.packageRequests().length, 1);
    await scene.assertFetched();
  });

  it('is fetched again when the file on disk is no longer what it was', async () => {
    await using scene = await Scene.begin();
    const { path } = await scene.fetch();
    await writeFile(path, 'damaged');
    await scene.fetch();
    await scene.assertFetched();
  });

  it('replaces one of the same version with another digest', async () => {
    await using scene = await Scene.begin();
    await scene.fetch();
    scene.server.publish(VERSION, OTHER);
    await scene.fetch();
    await scene.assertFetched(OTHER);
  });
});

describe('a download that breaks', () => {
  it('goes on from where it was, in the same call', async () => {
    await using scene = await Scene.begin();
    scene.server.fault = { kind: 'cut-off', afterBytes: 400_000 };
    await scene.fetch();
    assert.equal(scene.packageRequests()[0], null);
    assert.match(scene.packageRequests()[1] ?? '', /^bytes=[1-9]\d*-$/);
    await scene.assertFetched();
  });

  it('goes on after a stop of the agent, which does not wait for the server', async () => {
    await using scene = await Scene.begin();
    scene.server.fault = { kind: 'stall', afterBytes: 300_000 };
    const controller = new AbortController();
    const reason = new Error('the agent is stopping');
    let stoppedAt = 0;
    const onProgress = () => {
      stoppedAt ||= performance.now();
      controller.abort(reason);
    };
    await assert.rejects(scene.fetch({ signal: controller.signal, onProgress }), reason);
    assert.ok(performance.now() - stoppedAt < 10_000, 'it does not wait for more data');
    assert.deepEqual((await readdir(scene.folder)).sort(), [`${NAME}.part`, `${NAME}.part.json`]);
    const { size } = await stat(join(scene.folder, `${NAME}.part`));
    scene.server.fault = { kind: 'none' };
    await scene.fetch();
    assert.equal(scene.packageRequests().at(-1), `bytes=${size}-`);
    await scene.assertFetched();
  });

  it('begins again where the server ignores Range, answers with another part, or has another file by now', async () => {
    for (const fault of [{ kind: 'ignore-range' }, { kind: 'wrong-range' }, { kind: 'none' }] as const) {
      await using scene = await Scene.begin();
      scene.server.fault = { kind: 'cut-off', afterBytes: 300_000 };
      await assert.rejects(scene.fetch({}, { breaks: 0 }), { code: 'SMM412' });
      if (fault.kind === 'none') scene.server.publish(VERSION, OTHER);
      scene.server.fault = fault;
      await scene.fetch();
      await scene.assertFetched(fault.kind === 'none' ? OTHER : CONTENT);
    }
  });

  it('begins again where its two parts do not fit together, before it reports an error', async () => {
    await using scene = await Scene.begin();
    scene.server.fault = { kind: 'cut-off', afterBytes: 300_000 };
    await assert.rejects(scene.fetch({}, { breaks: 0 }), { code: 'SMM412' });
    await writeFile(join(scene.folder, `${NAME}.part`), Buffer.alloc(200_000));
    scene.server.fault = { kind: 'none' };
    await scene.fetch();
    assert.deepEqual(scene.packageRequests(), [null, 'bytes=200000-', null]);
    await scene.assertFetched();
  });

  it('needs the server no more when only the last rename was missing', async () => {
    await using scene = await Scene.begin();
    scene.server.fault = { kind: 'cut-off', afterBytes: 300_000 };
    await assert.rejects(scene.fetch({}, { breaks: 0 }), { code: 'SMM412' });
    await writeFile(join(scene.folder, `${NAME}.part`), CONTENT);
    await scene.fetch();
    assert.equal(scene.packageRequests().length, 1);
    await scene.assertFetched();
  });

  it('does not take a torn note for a part', async () => {
    await using scene = await Scene.begin();
    scene.server.fault = { kind: 'cut-off', afterBytes: 300_000 };
    await assert.rejects(scene.fetch({}, { breaks: 0 }), { code: 'SMM412' });
    await writeFile(join(scene.folder, `${NAME}.part.json`), '{"url": "ht');
    scene.server.fault = { kind: 'none' };
    await scene.fetch();
    assert.deepEqual(scene.packageRequests(), [null, null]);
  });
});

describe('a server that does wrong', () => {
  it('is not believed: wrong bytes are removed, and both digests told', async () => {
    await using scene = await Scene.begin();
    scene.server.fault = { kind: 'wrong-bytes' };
    await assert.rejects(scene.fetch(), {
      code: 'SMM415',
      message: /its SHA-256 is [0-9a-f]{64}, wanted is [0-9a-f]{64}$/,
    });
    assert.deepEqual(await readdir(scene.folder), []);
  });

  it('is not believed about the length: announced too small, the digest is wrong', async () => {
    await using scene = await Scene.begin();
    scene.server.fault = { kind: 'lying-length', byBytes: -1000 };
    await assert.rejects(scene.fetch(), { code: 'SMM415' });
    assert.deepEqual(await readdir(scene.folder), []);
  });

  it('is not believed about the length: announced too large, nothing half is taken for the file', async () => {
    await using scene = await Scene.begin();
    scene.server.fault = { kind: 'lying-length', byBytes: 1000 };
    await assert.rejects(scene.fetch({}, { breaks: 0 }), { code: 'SMM412' });
    assert.ok(!(await readdir(scene.folder)).includes(NAME));
    scene.server.fault = { kind: 'none' };
    await scene.fetch();
    await scene.assertFetched();
  });

  const faults = [
    { what: 'answers 500', fault: { kind: 'status', status: 500 }, code: 'SMM411', says: /the server answers 500$/ },
    { what: 'answers 403', fault: { kind: 'status', status: 403 }, code: 'SMM411', says: /the server answers 403$/ },
    {
      what: 'has the digest and not the file',
      fault: { kind: 'status', status: 404 },
      code: 'SMM410',
      says: /answers 404/,
    },
    { what: 'redirects for ever', fault: { kind: 'redirect', to: '{path}' }, code: 'SMM413', says: /more than 5/ },
  ] as const;
  for (const { what, fault, code, says } of faults) {
    it(`is an error of its own when it ${what}`, async () => {
      await using scene = await Scene.begin();
      scene.server.fault = fault;
      await assert.rejects(scene.fetch({}, { breaks: 1 }), { code, message: says });
    });
  }

  it('ends at the largest size, announced or not', async () => {
    for (const fault of [{ kind: 'endless' }, { kind: 'none' }] as const) {
      await using scene = await Scene.begin();
      scene.server.fault = fault;
      await assert.rejects(scene.fetch({}, { maxBytes: 500_000 }), { code: 'SMM416', message: /larger than 0\.5 MB/ });
      assert.deepEqual(await readdir(scene.folder), []);
    }
  });

  it('is waited for as long as it asks, within bounds', async () => {
    await using scene = await Scene.begin();
    for (const [retryAfter, retryAfterMs] of [
      ['7', 7000],
      ['999999999', 3_600_000],
    ] as const) {
      scene.server.fault = { kind: 'status', status: 503, retryAfter };
      await assert.rejects(scene.fetch(), { code: 'SMM411', retryAfterMs });
    }
  });

  it('is unreachable: the error says why', async () => {
    await using scene = await Scene.begin();
    const source = scene.source();
    await scene.server[Symbol.asyncDispose]();
    await assert.rejects(source.describe(VERSION), { code: 'SMM412', message: /ECONNREFUSED/ });
  });

  it('breaks the connection: one sentence, before the head of an answer and behind it', async () => {
    for (const fault of [{ kind: 'no-head' }, { kind: 'cut-off', afterBytes: 300_000 }] as const) {
      await using scene = await Scene.begin();
      scene.server.fault = fault;
      const message = /\.deb: the connection broke$/;
      await assert.rejects(scene.fetch({}, { breaks: 0 }), { code: 'SMM412', message });
    }
  });

  it('may redirect to another place', async () => {
    await using scene = await Scene.begin();
    await using mirror = await new DownloadServer().start();
    mirror.publish(VERSION, CONTENT);
    scene.server.fault = { kind: 'redirect', to: `${mirror.url}{path}` };
    await scene.fetch();
    await scene.assertFetched();
  });
});

// Side by side: they only wait.
describe('a server that lets one wait', { concurrency: true }, () => {
  for (const { what, fault, says } of [
    { what: 'never answers', fault: { kind: 'hang' }, says: /no data came for 1 s/ },
    { what: 'falls silent', fault: { kind: 'stall', afterBytes: 5 }, says: /no data came/ },
  ] as const) {
    it(`is an error of its own when it ${what}`, async () => {
      await using scene = await Scene.begin();
      scene.server.fault = fault;
      const limits = { ...IMPATIENT, breaks: 1 };
      await assert.rejects(scene.fetch({}, limits), { code: 'SMM414', message: says });
    });
  }

  it('ends at the deadline when it is too slow, and what has come is kept', async () => {
    await using scene = await Scene.begin();
    scene.server.fault = { kind: 'slow', blockBytes: 10_000, pauseMs: 100 };
    await assert.rejects(scene.fetch({}, { deadlineMs: 5000 }), { code: 'SMM414', message: /longer than 5 s/ });
    assert.ok((await stat(join(scene.folder, `${NAME}.part`))).size > 0);
  });
});
