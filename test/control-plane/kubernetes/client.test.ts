/** The client against an API server that misbehaves in each of the ways that there are. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { inspect } from 'node:util';
import { describeError } from '../../../src/base/errors.ts';
import { type ClientOptions, KubernetesClient } from '../../../src/control-plane/kubernetes/client.ts';
import { ControlPlaneError, type FailureKind } from '../../../src/control-plane/kubernetes/failure.ts';
import { resources, WithMetadata } from '../../../src/control-plane/kubernetes/objects.ts';
import { type Clock, systemClock } from '../../../src/host/clock.ts';
import { ConnectProxy } from '../../sandbox/connect-proxy.ts';
import { Admin } from '../../sandbox/control-plane/admin.ts';
import { EmbeddedApiServer } from '../../sandbox/control-plane/api-server.ts';
import { makeCertificates } from '../../sandbox/control-plane/certificate.ts';
import { namespace } from '../../sandbox/control-plane/seed.ts';
import { SkippingClock } from '../../support/skipping-clock.ts';

const APPS = resources.namespace('apps');

describe('the client of the Kubernetes API', () => {
  const server = new EmbeddedApiServer();
  const clients: KubernetesClient[] = [];
  let folder = '';

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'smm-test-'));
    await server.start();
    await writeFile(join(folder, 'ca'), server.ca);
    await writeFile(join(folder, 'token'), `${server.rights.adminToken}\n`);
    const admin = new Admin({ server: server.url, ca: server.ca, token: server.rights.adminToken });
    await admin.applyAll(namespace('apps', { 'istio.io/rev': 'canary' }));
    admin.close();
  });
  after(async () => {
    await server.stop();
    await rm(folder, { recursive: true });
  });
  afterEach(() => {
    for (const client of clients.splice(0)) client.close();
    server.faults.outage = false;
    server.faults.hanging = false;
    server.faults.dripMs = 0;
    server.takeSeen();
  });

  function client(options: Partial<ClientOptions> = {}): KubernetesClient {
    const files = { caFile: join(folder, 'ca'), tokenFile: join(folder, 'token') };
    const made = new KubernetesClient({ server: server.url, clock: new SkippingClock(), ...files, ...options });
    clients.push(made);
    return made;
  }

  /** The failure of a read; its text must never hold the token. */
  async function failure(of: KubernetesClient): Promise<ControlPlaneError> {
    try {
      await of.get(APPS, WithMetadata);
    } catch (error) {
      assert.ok(error instanceof ControlPlaneError, describeError(error));
      assert.doesNotMatch(inspect(error, { depth: 12, showHidden: true }), new RegExp(server.rights.adminToken));
      return error;
    }
    throw new Error('it did not fail');
  }

  const rows: [
    what: string,
    kind: FailureKind,
    code: string,
    sentence: RegExp,
    options: () => Partial<ClientOptions>,
  ][] = [
    [
      'a name that does not resolve',
      'unreachable',
      'SMM205',
      /does not resolve/,
      () => ({ server: 'https://no-such-host.invalid:6443', deadlineMs: 60_000 }),
    ],
    [
      'a port where nothing listens',
      'unreachable',
      'SMM206',
      /no connection to .*ECONNREFUSED/,
      () => ({ server: 'https://127.0.0.1:1' }),
    ],
    [
      'a certificate of another authority',
      'unreachable',
      'SMM207',
      /cannot be trusted/,
      () => ({ caFile: join(folder, 'other-ca') }),
    ],
    [
      'a token file that is not there',
      'credentials',
      'SMM214',
      /cannot read the token file/,
      () => ({ tokenFile: join(folder, 'none') }),
    ],
    ['an empty token file', 'credentials', 'SMM214', /is empty/, () => ({ tokenFile: join(folder, 'empty') })],
    [
      'a token of two lines',
      'credentials',
      'SMM214',
      /not a bearer token/,
      () => ({ tokenFile: join(folder, 'two-lines') }),
    ],
  ];
  for (const [what, kind, code, sentence, options] of rows) {
    it(`tells ${what} from everything else`, async () => {
      await writeFile(join(folder, 'other-ca'), makeCertificates(['127.0.0.1']).ca);
      await writeFile(join(folder, 'empty'), '\n');
      await writeFile(join(folder, 'two-lines'), `${server.rights.adminToken}\n${server.rights.adminToken}`);
      const error = await failure(client(options()));
      assert.deepEqual([error.kind, error.code], [kind, code]);
      assert.match(error.message, sentence);
      assert.match(error.message, /^cannot get namespaces "apps"/);
    });
  }

  it('reads no answer and no list that is larger than anything it needs', async () => {
    const [first, ...rest] = [client({ maxAnswerBytes: 100 }), client({ maxListBytes: 100 })];
    const invalid = (error: unknown) => error instanceof ControlPlaneError && error.kind === 'invalid';
    await assert.rejects(first.get(APPS, WithMetadata), invalid);
    for (const of of rest) {
      await of.get(APPS, WithMetadata);
      const list = of.list({ group: '', version: 'v1', plural: 'namespaces' }, WithMetadata);
      await assert.rejects(list, (error) => invalid(error) && /it is longer than 100 bytes/.test(describeError(error)));
    }
  });

  it('tells a certificate for another name from everything else', async () => {
    const named = new EmbeddedApiServer(makeCertificates(['api.example.com']));
    await named.start();
    try {
      const caFile = join(folder, 'ca-named');
      await writeFile(caFile, named.ca);
      const error = await failure(client({ server: named.url, caFile }));
      assert.equal(error.code, 'SMM207');
      assert.match(error.message, /cannot be trusted \(ERR_TLS_CERT_ALTNAME_INVALID\)/);
    } finally {
      await named.stop();
    }
  });

  it('reaches the API server through a proxy where it is told to, and says when the proxy opens no tunnel', async () => {
    await using proxy = await new ConnectProxy().start();
    const way = { https: proxy.url, no: '' };
    const reader = client({ proxy: way });
    for (let poll = 0; poll < 2; poll += 1) await reader.get(APPS, WithMetadata);
    const { host } = new URL(server.url);
    assert.deepEqual(proxy.asked, [host]);
    await client({ proxy: { ...way, no: '127.0.0.1' } }).get(APPS, WithMetadata);
    await client().get(APPS, WithMetadata);
    assert.deepEqual(proxy.asked, [host]);
    proxy.password = 'agent:secret';
    const { code, message, remedy } = await failure(client({ proxy: way }));
    assert.match(`${code} ${message}; ${remedy}`, /^SMM206 .*the proxy opens no tunnel to .*407.*; check proxy\.https/);
  });

  it('verifies TLS also where the environment says not to', async () => {
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
    try {
      await writeFile(join(folder, 'other-ca'), makeCertificates(['127.0.0.1']).ca);
      assert.equal((await failure(client({ caFile: join(folder, 'other-ca') }))).code, 'SMM207');
    } finally {
      delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    }
  });

  it('asks no proxy of the environment', async () => {
    process.env.HTTPS_PROXY = 'http://127.0.0.1:1';
    try {
      await client().get(APPS, WithMetadata);
    } finally {
      delete process.env.HTTPS_PROXY;
    }
  });

  it('has a deadline for the whole answer, not only for its beginning', async () => {
    server.faults.hanging = true;
    assert.equal((await failure(client({ deadlineMs: 100 }))).code, 'SMM208');
    server.faults.hanging = false;
    server.faults.dripMs = 20;
    const error = await failure(client({ deadlineMs: 300 }));
    assert.equal(error.code, 'SMM208');
    assert.match(error.message, /did not answer completely within 0\.3 s/);
  });

  const html = '<html>Sign in</html>';
  const status = (code: number) => JSON.stringify({ kind: 'Status', message: `said ${code}`, code });
  const answers: [
    what: string,
    answer: { status: number; headers?: Record<string, string>; body: string },
    code: string,
    kind: FailureKind,
  ][] = [
    ['a page of something else', { status: 200, body: html }, 'SMM210', 'invalid'],
    ['an object of another shape', { status: 200, body: '{"metadata":{}}' }, 'SMM210', 'invalid'],
    ['an endless answer', { status: 200, body: 'x'.repeat(5_000_000) }, 'SMM210', 'invalid'],
    ['a redirect', { status: 302, headers: { location: 'https://example.com/' }, body: '' }, 'SMM211', 'invalid'],
    ['a 404 that is not of Kubernetes', { status: 404, body: html }, 'SMM211', 'invalid'],
    ['a 404 of any program in Go', { status: 404, body: '404 page not found\n' }, 'SMM211', 'invalid'],
    ['a 403 that is not of Kubernetes', { status: 403, body: html }, 'SMM211', 'invalid'],
    ['a 401', { status: 401, body: status(401) }, 'SMM201', 'forbidden'],
    ['a 403', { status: 403, body: status(403) }, 'SMM202', 'forbidden'],
    ['a 404', { status: 404, body: status(404) }, 'SMM203', 'missing'],
    ['a 409', { status: 409, body: status(409) }, 'SMM204', 'conflict'],
    ['a 422', { status: 422, body: status(422) }, 'SMM212', 'rejected'],
    ['a 500', { status: 500, body: html }, 'SMM213', 'unreachable'],
    ['a 503 without Retry-After', { status: 503, body: status(503) }, 'SMM213', 'unreachable'],
  ];
  for (const [what, answer, code, kind] of answers) {
    it(`takes ${what} for what it is`, async () => {
      server.faults.answer(answer);
      const error = await failure(client());
      assert.deepEqual([error.code, error.kind], [code, kind], error.message);
      assert.equal(server.takeSeen().length, 1, 'and does not ask again by itself');
    });
  }

  it('waits as long as it is asked to, and a little longer, and tries again', async () => {
    const clock = new SkippingClock();
    server.faults.throttle('2');
    server.faults.throttle('1', 1, 503);
    await client({ clock, random: () => 0.5 }).get(APPS, WithMetadata);
    assert.deepEqual(clock.sleeps, [2250, 1250]);
    assert.equal(server.takeSeen().length, 3);
  });

  it('gives up after three tries', async () => {
    server.faults.throttle('1', 3);
    assert.deepEqual([(await failure(client())).kind, server.takeSeen().length], ['throttled', 3]);
  });

  it('sends nothing more before a long wait is over, and caps it', async () => {
    const clock = new SkippingClock();
    const throttled = client({ clock, random: () => 0 });
    server.faults.throttle('60');
    assert.equal((await failure(throttled)).retryAfterMs, 60_000);
    assert.equal(throttled.waitMs(), 60_000);
    clock.pass(30_000);
    assert.equal((await failure(throttled)).retryAfterMs, 30_000);
    assert.equal(server.takeSeen().length, 1);
    clock.pass(30_000);
    await throttled.get(APPS, WithMetadata);
    server.faults.throttle('86400');
    assert.equal((await failure(throttled)).retryAfterMs, 300_000);
  });

  it('uses one connection for all requests, and a new one when the server has closed it', async () => {
    const one = client();
    for (let count = 0; count < 5; count += 1) await one.get(APPS, WithMetadata);
    assert.equal(server.connections, 1);
    await server.stop();
    await server.start();
    await one.get(APPS, WithMetadata);
  });

  it('reads token and authority for each request', async () => {
    const other = makeCertificates(['127.0.0.1']);
    const rotated = new EmbeddedApiServer(other);
    await rotated.start();
    try {
      const [caFile, tokenFile] = [join(folder, 'ca-rotated'), join(folder, 'token-rotated')];
      await writeFile(caFile, server.ca);
      await writeFile(tokenFile, 'wrong');
      const moved = client({ server: rotated.url, caFile, tokenFile });
      assert.equal((await failure(moved)).code, 'SMM207');
      await writeFile(caFile, rotated.ca);
      assert.equal((await failure(moved)).code, 'SMM201');
      await writeFile(tokenFile, rotated.rights.adminToken);
      assert.equal((await failure(moved)).code, 'SMM203');
    } finally {
      await rotated.stop();
    }
  });

  it('is closed within a moment, also during a request', async () => {
    server.faults.hanging = true;
    const closing = client();
    const under = failure(closing);
    while (server.connections === 0) await new Promise((resolve) => setImmediate(resolve));
    closing.close();
    assert.equal((await under).code, 'SMM215');
    assert.equal((await failure(closing)).code, 'SMM215');
  });

  it('is closed within a moment also while it waits as long as it was asked to', async () => {
    server.faults.throttle('3');
    const { promise: waiting, resolve: waits } = Promise.withResolvers<void>();
    const clock: Clock = {
      ...systemClock,
      sleep: (ms, signal) => {
        waits();
        return systemClock.sleep(ms, signal);
      },
    };
    const closing = client({ clock });
    const under = failure(closing);
    await waiting;
    closing.close();
    assert.equal((await under).code, 'SMM215');
  });

  it('reads long lists in pages, and counts what it costs', async () => {
    const admin = new Admin({ server: server.url, ca: server.ca, token: server.rights.adminToken });
    const names = Array.from({ length: 260 }, (_, index) => `c${index}`);
    for (const name of names) {
      await admin.apply({
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name, namespace: 'apps', labels: { a: 'b' } },
      });
    }
    admin.close();
    server.takeSeen();
    const counting = client();
    const secrets = { group: '', version: 'v1', plural: 'secrets', namespace: 'apps' };
    assert.equal(
      (await counting.list(secrets, WithMetadata, { labelSelector: 'a=b', metadataOnly: true })).length,
      260,
    );
    const seen = server.takeSeen();
    assert.deepEqual(counting.usage(), {
      requests: 2,
      answers: 2,
      bytes: seen.reduce((sum, { bytes }) => sum + bytes, 0),
    });
  });
});
