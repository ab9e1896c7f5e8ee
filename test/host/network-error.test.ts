import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isAtProxy, isCertificateError, networkError } from '../../src/host/network-error.ts';

const refused = Object.assign(new Error('connect ECONNREFUSED 10.0.0.7:3128'), {
  code: 'ECONNREFUSED',
  address: '10.0.0.7',
  port: 3128,
});
const unknown = Object.assign(new Error('getaddrinfo ENOTFOUND proxy.corp'), {
  code: 'ENOTFOUND',
  hostname: 'proxy.corp',
});

describe('the error of a connection', () => {
  it('is found inside what axios, and a try of several addresses, make of it', () => {
    const wrapped = new Error('', { cause: new AggregateError([new Error('first'), refused], '') });
    const { code, place, port } = networkError(wrapped);
    assert.deepEqual([code, place, port], ['ECONNREFUSED', '10.0.0.7:3128', 3128]);
    assert.equal(networkError('words').message, 'words');
  });

  for (const { error, proxy, server = 'https://10.0.0.1:6443', expected } of [
    { error: refused, proxy: 'http://10.0.0.7:3128', expected: true },
    { error: refused, proxy: 'http://proxy.corp:3128', expected: true },
    { error: refused, proxy: null, expected: false },
    { error: refused, proxy: 'http://10.0.0.8:8080', expected: false },
    { error: refused, proxy: 'http://proxy.corp:3128', server: 'https://api.corp:3128', expected: false },
    { error: unknown, proxy: 'http://proxy.corp', expected: true },
    { error: unknown, proxy: 'http://other.corp', expected: false },
    { error: unknown, proxy: 'http://proxy.corp', server: 'https://proxy.corp', expected: false },
  ]) {
    it(`is that of the way to the proxy ${proxy} of ${server}, or not: ${error.message}`, () => {
      assert.equal(isAtProxy(networkError(error), proxy, server), expected);
    });
  }
});

describe('the code of an error', () => {
  for (const [code, expected] of [
    ['SELF_SIGNED_CERT_IN_CHAIN', true],
    ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', true],
    ['ERR_TLS_CERT_ALTNAME_INVALID', true],
    ['ERR_SSL_WRONG_VERSION_NUMBER', true],
    ['ECONNRESET', false],
    ['EPROTO', false],
    ['', false],
  ] as const) {
    it(`${code || '(none)'} is ${expected ? 'a' : 'no'} certificate error`, () => {
      assert.equal(isCertificateError(code), expected);
    });
  }
});
