/**
 * Whom the agent speaks to when it asks the repository: one host, over TLS, with a certificate of the operator's
 * authority.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { sha256Of } from './publisher.ts';
import { RepositoryServer, status } from './repository-server.ts';
import { CONTENT, Scene, TARGET } from './scene.ts';

const PATH = `targets/agent/${sha256Of(CONTENT)}.smm-agent-1.2.3.tar.zst`;
const PLACES = ['metadata/2.root.json', 'metadata/timestamp.json', PATH];

describe('a redirect of the repository', () => {
  for (const place of PLACES) {
    it(`of ${place.slice(0, 30)} to another host or port is not followed`, async () => {
      await using scene = await Scene.known();
      await using other = await new RepositoryServer(scene.publisher.files).start();
      const { port } = scene.server;
      for (const to of [`${other.url}/${place}`, `https://localhost:${port}/repo/${place}`]) {
        scene.server.answers.set(place, status(302, { Location: to }));
        const message = new RegExp(`^cannot follow the redirect of .*: it leads to another host, ${to}$`);
        await assert.rejects(scene.fetch(), { code: 'SMM413', message, remedy: /^set repository\.url/ });
      }
      assert.deepEqual(other.requests, []);
    });

    it(`of ${place.slice(0, 30)} to http is not followed`, async () => {
      await using scene = await Scene.known();
      let asked = 0;
      const plain = createServer((_, response) => {
        asked += 1;
        response.end();
      }).listen(0, '127.0.0.1');
      await once(plain, 'listening');
      const to = `http://127.0.0.1:${(plain.address() as AddressInfo).port}/repo/${place}`;
      scene.server.answers.set(place, status(302, { Location: to }));
      await assert.rejects(scene.fetch(), { code: 'SMM413', message: /it leads from https to http:/ });
      assert.equal(asked, 0);
      plain.close();
    });
  }

  it('is followed on the same host', async () => {
    await using scene = await Scene.known();
    for (const place of PLACES) {
      const content = scene.publisher.files.get(place);
      if (content === undefined) continue;
      scene.publisher.files.set(`moved/${place}`, content);
      scene.server.answers.set(place, status(302, { Location: `/repo/moved/${place}` }));
    }
    await scene.fetch();
    assert.ok(scene.server.requests.includes(`moved/${PATH}`));
  });
});

describe('the certificate of the server', () => {
  it('must be of the authority that the operator names', async () => {
    await using scene = await Scene.known();
    await using other = await new RepositoryServer(scene.publisher.files).start();
    const message = /^cannot trust the certificate of 127\.0\.0\.1:\d+ \(\w+\)$/;
    const certificate = { code: 'SMM463', message, remedy: /repository\.caFile .* clock/ };
    await scene.assertRefused(certificate, { url: other.url });
    await scene.assertRefused(certificate, { caFile: null });
    assert.deepEqual(other.requests, []);
  });

  it('cannot be judged without the file of the authorities', async () => {
    await using scene = await Scene.known();
    for (const damage of [
      () => writeFile(scene.caFile, 'none'),
      () => writeFile(scene.caFile, ''),
      () => rm(scene.caFile),
    ]) {
      await damage();
      await scene.assertRefused({ code: 'SMM462', message: /^cannot use the authorities in .*ca\.crt$/ });
    }
    assert.deepEqual(scene.server.requests, []);
  });
});

it('a URL without TLS is refused', async () => {
  await using scene = await Scene.begin();
  for (const url of [scene.server.url.replace('https:', 'http:'), 'ftp://127.0.0.1/', 'repo']) {
    await scene.assertRefused({ code: 'SMM464', message: /does not begin with https:\/\/$/ }, { url });
  }
  assert.deepEqual(scene.server.requests, []);
});

it('a slash at the end of the URL changes nothing', async () => {
  await using scene = await Scene.begin();
  const { url } = await scene.client({ url: `${scene.server.url}//` }).target(TARGET);
  assert.equal(url, `${scene.server.url}/${PATH}`);
});
