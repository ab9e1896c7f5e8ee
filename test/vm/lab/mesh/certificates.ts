/**
 * A certificate authority of the run's own and the API server's certificate, made by openssl: valid for days, thrown
 * away with the run.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { must } from '../host/run.ts';

const DAYS = '7';
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

export interface Credentials {
  readonly caFile: string;
  readonly ca: string;
  readonly certFile: string;
  readonly keyFile: string;
  readonly serviceAccountKeyFile: string;
}

export async function makeCredentials(folder: string, address: string): Promise<Credentials> {
  mkdirSync(folder, { recursive: true });
  const at = (name: string): string => join(folder, name);
  await must([
    'openssl',
    'req',
    '-x509',
    ...NEW_KEY,
    '-keyout',
    at('ca.key'),
    '-out',
    at('ca.crt'),
    '-days',
    DAYS,
    '-subj',
    '/CN=smm-agent lab CA',
  ]);
  await must([
    'openssl',
    'req',
    ...NEW_KEY,
    '-keyout',
    at('api.key'),
    '-out',
    at('api.csr'),
    '-subj',
    '/CN=kube-apiserver',
  ]);
  writeFileSync(at('api.ext'), `subjectAltName=IP:${address},IP:127.0.0.1,DNS:localhost,DNS:kubernetes.default.svc\n`);
  await must([
    'openssl',
    'x509',
    '-req',
    '-in',
    at('api.csr'),
    '-CA',
    at('ca.crt'),
    '-CAkey',
    at('ca.key'),
    '-CAcreateserial',
    '-out',
    at('api.crt'),
    '-days',
    DAYS,
    '-extfile',
    at('api.ext'),
  ]);
  await must(['openssl', 'genrsa', '-out', at('service-account.key'), '2048']);
  return {
    caFile: at('ca.crt'),
    ca: readFileSync(at('ca.crt'), 'utf8'),
    certFile: at('api.crt'),
    keyFile: at('api.key'),
    serviceAccountKeyFile: at('service-account.key'),
  };
}
