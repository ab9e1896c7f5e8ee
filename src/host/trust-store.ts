/**
 * The authorities that this machine trusts: those that its
 * administrator added count for the agent as for every program.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileError, hasCode } from './files/file-errors.ts';

/**
 * The first file that exists counts, in the order of Go's programs
 * and so of Istio: https://go.dev/src/crypto/x509/root_linux.go
 */
const BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/tls/cacert.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

/**
 * PEM; null on a machine without such a file (no package
 * ca-certificates). Rejects with SMM520 for a file that cannot be read.
 */
export async function machineAuthorities(root: string): Promise<string | null> {
  for (const bundle of BUNDLES) {
    const file = join(root, bundle);
    try {
      const pem = await readFile(file, 'latin1');
      if (pem.includes('-----BEGIN')) return pem;
    } catch (error) {
      if (!hasCode(error, 'ENOENT') && !hasCode(error, 'ENOTDIR')) throw fileError('read', file, error);
    }
  }
  return null;
}
