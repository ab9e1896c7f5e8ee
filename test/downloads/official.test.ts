import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { OfficialDownloads } from '../../src/downloads/official.ts';
import { DownloadServer } from '../sandbox/downloads.ts';
import { HOST_ARCHITECTURE } from '../sandbox/istio-package.ts';

const SUFFIX = HOST_ARCHITECTURE === 'arm64' ? '-arm64' : '';
const PATH = `/1.31.0/deb/istio-sidecar${SUFFIX}.deb`;
const source = (server: DownloadServer) => new OfficialDownloads({ baseUrl: `${server.url}/`, folder: '/nowhere' });

describe("Istio's official downloads", () => {
  it('have a digest beside each package', async () => {
    await using server = await new DownloadServer().start();
    server.publish('1.31.0', Buffer.from('package'));
    const description = await source(server).describe('1.31.0');
    assert.deepEqual(description, {
      istioVersion: '1.31.0',
      url: `${server.url}${PATH}`,
      sha256: createHash('sha256').update('package').digest('hex'),
      fileName: `istio-sidecar_1.31.0_${HOST_ARCHITECTURE}.deb`,
    });
  });

  it('have the versions of distributors under their own names, in which a + is no blank', async () => {
    await using server = await new DownloadServer().start();
    const names = ['1.31.1-tetrate-v0', '1.31.1-solo', '1.31.1+ossm', '1.31.1+build.5'];
    for (const version of names) {
      const at = `/${version.replace('+', '%2B')}/deb/istio-sidecar${HOST_ARCHITECTURE === 'arm64' ? '-arm64' : ''}.deb`;
      server.put(`${at}.sha256`, Buffer.from('0'.repeat(64)));
      const { url, fileName } = await source(server).describe(version);
      assert.equal(url, `${server.url}${at}`);
      assert.equal(fileName, `istio-sidecar_${version}_${HOST_ARCHITECTURE}.deb`);
    }
  });

  it('may write the digest in capitals, alone, or with more after it', async () => {
    await using server = await new DownloadServer().start();
    const hex = 'AB'.repeat(32);
    for (const text of [hex, `${hex}\n`, `${hex} istio-sidecar.deb\n`, `${hex}  *istio-sidecar.deb\nmore\n`]) {
      server.put(`${PATH}.sha256`, Buffer.from(text));
      assert.equal((await source(server).describe('1.31.0')).sha256, hex.toLowerCase());
    }
  });

  it('do not have every version for every architecture', async () => {
    await using server = await new DownloadServer().start();
    await assert.rejects(source(server).describe('1.31.9'), {
      code: 'SMM410',
      message: `cannot find Istio 1.31.9 for ${HOST_ARCHITECTURE}: it is not published at ${server.url}`,
    });
  });

  it('are not a login page, an empty file, or one without end', async () => {
    await using server = await new DownloadServer().start();
    for (const text of ['<html>log in</html>', '', 'abc', `${'0'.repeat(64)} ${'x'.repeat(100_000)}`]) {
      server.put(`${PATH}.sha256`, Buffer.from(text));
      await assert.rejects(source(server).describe('1.31.0'), { code: 'SMM418' });
    }
  });

  it('are never asked for what is no version', async () => {
    await using server = await new DownloadServer().start();
    for (const version of [
      '',
      'latest',
      '../../etc',
      '1.31',
      '1.31.0/../..',
      '1.31.0?x',
      '1.31.0 ',
      '1.31.0_ossm',
      '1.31.0-..',
    ]) {
      await assert.rejects(source(server).describe(version), { code: 'SMM417' });
    }
    assert.deepEqual(server.requests, []);
  });
});
