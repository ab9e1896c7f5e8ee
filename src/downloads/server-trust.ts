/** Whose certificates are trusted for a download server, and through which proxy it is reached. */
import { X509Certificate } from 'node:crypto';
import type { Agent } from 'node:https';
import { createSecureContext } from 'node:tls';
import { AgentError } from '../base/errors.ts';
import { readOperatorFile } from '../host/files/operator-file.ts';
import { type ProxyServer, tlsAgent } from '../host/tls-agent.ts';
import { machineAuthorities } from '../host/trust-store.ts';

export interface ServerTrust {
  /**
   * PEM file of the authorities that may sign the server; null:
   * those that this machine trusts, or Node's own if it has none.
   */
  caFile: string | null;
  /** The key of the configuration that names it, for errors. */
  caKey: 'istio.caFile' | 'repository.caFile';
  /** The root of the machine's file system, below which its own authorities lie. */
  root: string;
  proxy: ProxyServer | null;
}

/** For reading the authorities, whose file may lie on a mount that hangs. Milliseconds. */
const READ_MS = 10_000;

/**
 * Rejects with SMM462 when the file of the authorities cannot be used.
 * It is read again each time, so that a new file counts at once.
 */
export async function trustingAgent({ caFile, caKey, root, proxy }: ServerTrust): Promise<Agent> {
  const ca = caFile === null ? await machineAuthorities(root) : await authorities(caFile, caKey);
  // A context and not `ca`: the store of a machine has 200 KB, and would be parsed for each connection.
  const trust = ca === null ? {} : { secureContext: createSecureContext({ ca, minVersion: 'TLSv1.2' }) };
  return tlsAgent({ ...trust, proxy });
}

async function authorities(caFile: string, caKey: string): Promise<string> {
  try {
    const pem = (await readOperatorFile(caFile, AbortSignal.timeout(READ_MS))).toString('latin1');
    new X509Certificate(pem);
    return pem;
  } catch (cause) {
    throw new AgentError(
      'SMM462',
      `cannot use the authorities in ${caFile}`,
      `let ${caKey} name a PEM file with the certificates of the authorities that sign the server`,
      { cause },
    );
  }
}
