/**
 * Whom downloads are taken from: TLS that is always verified, the machine's own authorities, a proxy, and http where it
 * does no harm.
 */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { OfficialDownloads, type OfficialOptions } from '../../src/downloads/official.ts';
import { SignedRepository } from '../../src/downloads/signed/signed-repository.ts';
import type { ProxyServer } from '../../src/host/tls-agent.ts';
import { ConnectProxy } from '../sandbox/connect-proxy.ts';
import { makeCertificates } from '../sandbox/control-plane/certificate.ts';
import { DownloadServer } from '../sandbox/downloads.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { Scene, TARGET } from './signed/scene.ts';

const VERSION = '1.31.0';
/** One authority for all: making one takes longer than most tests. */
const CERTIFICATES = makeCertificates(['127.0.0.1', 'mirror.example']);
const BUNDLE = 'etc/ssl/certs/ca-certificates.crt';

interface Machine {
  server: DownloadServer;
  /** Its root, where it has files of its own. */
  root: string;
  put(path: string, content: string): Promise<string>;
  source(options?: Partial<OfficialOptions>): OfficialDownloads;
}

/** A mirror whose certificate is signed by an unknown authority, and a machine. */
async function withMirror(work: (machine: Machine) => Promise<void>): Promise<void> {
  await using folder = await temporaryFolder();
  await using server = await new DownloadServer(CERTIFICATES.server).start();
  server.publish(VERSION, Buffer.from('package'));
  const root = folder.path;
  const put = async (path: string, content: string) => {
    const file = join(root, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, content);
    return file;
  };
  const usual = { baseUrl: server.url, folder: join(root, 'cache'), root };
  await work({ server, root, put, source: (options) => new OfficialDownloads({ ...usual, ...options }) });
}

async function withEnvironment(change: Record<string, string>, work: () => Promise<void>): Promise<void> {
  Object.assign(process.env, change);
  try {
    await work();
  } finally {
    for (const name of Object.keys(change)) delete process.env[name];
  }
}

describe('the certificate of a mirror', () => {
  it('is verified, also where the environment says otherwise', () =>
    withMirror(({ source, server }) =>
      withEnvironment({ NODE_TLS_REJECT_UNAUTHORIZED: '0' }, async () => {
        await assert.rejects(source().describe(VERSION), { code: 'SMM463' });
        assert.deepEqual(server.requests, []);
      }),
    ));

  it('is an error with both ways to trust it where it is not trusted', () =>
    withMirror(async ({ source, server }) => {
      await assert.rejects(source().describe(VERSION), {
        code: 'SMM463',
        message: new RegExp(`^cannot trust the certificate of 127\\.0\\.0\\.1:${server.port} \\(\\w+\\)$`),
        remedy: /update-ca-certificates.*istio\.caFile/,
      });
    }));

  it('counts when an authority that this machine trusts has signed it', () =>
    withMirror(async ({ source, put }) => {
      await put(BUNDLE, `${makeCertificates(['other']).ca}${CERTIFICATES.ca}`);
      const description = await source().describe(VERSION);
      await source().fetch(description);
    }));

  it('counts when istio.caFile names its authority, and then no other', () =>
    withMirror(async ({ source, put }) => {
      const caFile = await put('ca.crt', CERTIFICATES.ca);
      await source({ caFile }).describe(VERSION);
      await put(BUNDLE, CERTIFICATES.ca);
      const other = await put('other.crt', makeCertificates(['other']).ca);
      await assert.rejects(source({ caFile: other }).describe(VERSION), { code: 'SMM463' });
    }));

  it('cannot be judged by a file of authorities that is none', () =>
    withMirror(async ({ source, put }) => {
      const caFile = await put('ca.crt', 'none');
      await assert.rejects(source({ caFile }).describe(VERSION), { code: 'SMM462', remedy: /istio\.caFile/ });
    }));
});

describe('the signed repository', () => {
  it('is trusted as this machine trusts, where repository.caFile is not set', async () => {
    await using scene = await Scene.begin();
    const root = join(scene.path, 'machine');
    await mkdir(dirname(join(root, BUNDLE)), { recursive: true });
    await writeFile(join(root, BUNDLE), scene.server.ca);
    const target = new SignedRepository({ ...scene.options, caFile: null, root }).target(TARGET);
    assert.equal((await target).path, TARGET);
  });

  it('is reached through the proxy', async () => {
    await using scene = await Scene.begin();
    await using proxy = await new ConnectProxy().start();
    const way: ProxyServer = { https: proxy.url, no: '' };
    assert.equal((await new SignedRepository({ ...scene.options, proxy: way }).target(TARGET)).path, TARGET);
    assert.deepEqual(new Set(proxy.asked), new Set([`127.0.0.1:${scene.server.port}`]));
  });
});

describe('the proxy of the configuration', () => {
  const NAME = 'https://mirror.example:8443';

  /** The mirror under a name that only the proxy knows. */
  const withProxy = (work: (machine: Machine & { proxy: ConnectProxy; caFile: string }) => Promise<void>) =>
    withMirror(async (machine) => {
      await using proxy = await new ConnectProxy().start();
      proxy.ways.set('mirror.example:8443', { host: '127.0.0.1', port: machine.server.port });
      await work({ ...machine, proxy, caFile: await machine.put('ca.crt', CERTIFICATES.ca) });
    });

  it('is the way to digests and packages, which are verified from end to end', () =>
    withProxy(async ({ source, proxy, caFile, server }) => {
      const options = { baseUrl: NAME, caFile, proxy: { https: proxy.url, no: '' } };
      const fetched = await source(options).fetch(await source(options).describe(VERSION));
      assert.equal(fetched.bytes, 7);
      assert.equal(server.requests.length, 2);
      assert.deepEqual(proxy.asked, ['mirror.example:8443', 'mirror.example:8443']);
      await withEnvironment({ NODE_TLS_REJECT_UNAUTHORIZED: '0' }, () =>
        assert.rejects(source({ ...options, caFile: null }).describe(VERSION), { code: 'SMM463' }),
      );
    }));

  it('is told user and password, and neither is told to anybody else', () =>
    withProxy(async ({ source, proxy, caFile }) => {
      proxy.password = 'agent:s/ecret';
      const at = (user: string) => proxy.url.replace('//', `//${user}@`);
      const options = { baseUrl: NAME, caFile };
      await source({ ...options, proxy: { https: at('agent:s%2Fecret'), no: '' } }).describe(VERSION);
      await assert.rejects(source({ ...options, proxy: { https: at('agent:wrong'), no: '' } }).describe(VERSION), {
        code: 'SMM412',
        message: /^(?!.*wrong).*the proxy opens no tunnel \(.*407/,
        remedy: /proxy\.https/,
      });
    }));

  it('is not used for what it is not to be used for', () =>
    withProxy(async ({ source, proxy, caFile }) => {
      for (const no of ['127.0.0.1', 'other.example, 127.0.0.0-127.0.0.9']) {
        await source({ caFile, proxy: { https: proxy.url, no } }).describe(VERSION);
      }
      assert.deepEqual(proxy.asked, []);
    }));

  it('is the only one: those of the environment are not used', () =>
    withProxy(async ({ source, proxy, caFile }) => {
      const environment = {
        HTTPS_PROXY: proxy.url,
        https_proxy: proxy.url,
        ALL_PROXY: proxy.url,
        NODE_USE_ENV_PROXY: '1',
      };
      await withEnvironment(environment, async () => {
        await source({ caFile }).describe(VERSION);
      });
      assert.deepEqual(proxy.asked, []);
    }));

  it('that hangs does not hold the agent longer than the server would', () =>
    withProxy(async ({ source, proxy, caFile }) => {
      proxy.isHanging = true;
      const options = { baseUrl: NAME, caFile, digestLimits: { deadlineMs: 300, stallMs: 300 } };
      await assert.rejects(source({ ...options, proxy: { https: proxy.url, no: '' } }).describe(VERSION), {
        code: 'SMM414',
      });
    }));

  it('where nothing listens is named', () =>
    withProxy(async ({ source, caFile }) => {
      const proxy = { https: 'http://127.0.0.1:1', no: '' };
      await assert.rejects(source({ baseUrl: NAME, caFile, proxy }).describe(VERSION), {
        code: 'SMM412',
        message: /nothing listens at 127\.0\.0\.1:1 \(ECONNREFUSED\)/,
      });
    }));
});

describe('http', () => {
  const refused = { code: 'SMM465', remedy: /https:\/\/.*istioDigests/ };

  it('is refused, since any host on the way to the server could become root here', async () => {
    await withMirror(async ({ source }) => {
      for (const baseUrl of [
        'http://mirror.example',
        'http://10.77.0.1:80',
        'http://localhost.example',
        'http://[::2]',
      ])
        await assert.rejects(source({ baseUrl }).describe(VERSION), refused);
    });
  });

  it('will do on the loopback of this machine, and leads from there nowhere but to https', async () => {
    await using server = await new DownloadServer().start();
    server.publish(VERSION, Buffer.from('package'));
    const source = new OfficialDownloads({ baseUrl: server.url, folder: '/nowhere' });
    await source.describe(VERSION);
    server.onDigests = true;
    server.fault = { kind: 'redirect', to: 'http://mirror.example{path}' };
    await assert.rejects(source.describe(VERSION), { code: 'SMM413', message: /only https is allowed/ });
  });

  it('will do where the package is pinned: then no digest is asked of the server either', async () => {
    const pin = 'ab'.repeat(32);
    const source = new OfficialDownloads({ baseUrl: 'http://mirror.example/', folder: '/nowhere', pinOf: () => pin });
    assert.equal((await source.describe(VERSION)).sha256, pin);
  });
});

describe('a package that is pinned', () => {
  it('is not taken when the mirror hands out another, its .sha256 in step or not', async () => {
    await using folder = await temporaryFolder();
    await using server = await new DownloadServer().start();
    server.publish(VERSION, Buffer.from('another'));
    const source = new OfficialDownloads({ baseUrl: server.url, folder: folder.path, pinOf: () => 'ab'.repeat(32) });
    await assert.rejects(source.fetch(await source.describe(VERSION)), {
      code: 'SMM415',
      remedy: /istioDigests in ConfigMap smm-agent/,
    });
    assert.deepEqual(
      server.requests.filter(({ path }) => path.endsWith('.sha256')),
      [],
    );
  });
});

describe('a port where nothing listens', () => {
  it('is said, with what to check', async () => {
    const source = new OfficialDownloads({ baseUrl: 'https://127.0.0.1:1', folder: '/nowhere' });
    const remedy = 'check istio.downloads, and that the server runs';
    await assert.rejects(source.describe(VERSION), {
      code: 'SMM412',
      message: new RegExp(`nothing listens at 127\\.0\\.0\\.1:1 \\(ECONNREFUSED\\); ${remedy}$`),
      remedy,
    });
  });

  it('of a name that does not resolve, likewise', async () => {
    const source = new OfficialDownloads({ baseUrl: 'https://no-such-host.invalid', folder: '/nowhere' });
    await assert.rejects(source.describe(VERSION), {
      code: 'SMM412',
      message: /the name no-such-host\.invalid does not resolve \((ENOTFOUND|EAI_AGAIN)\)/,
    });
  });
});
