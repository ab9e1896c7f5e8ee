/** `smm-agent set control-plane`: the address of the Kubernetes API, and the authorities that sign its certificate. */
import { X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Io } from '../base/cli/io.ts';
import { AgentError } from '../base/errors.ts';
import type { Edit } from '../config/edit/document.ts';
import { hasCode } from '../host/files/file-errors.ts';
import { makeFolder, writeAtomically } from '../host/files/files.ts';

const FROM_KUBECONFIG =
  'from a kubeconfig, decode certificate-authority-data with base64 -d, or take the file that certificate-authority names';

/**
 * The edits, and the copy of the authorities to /etc/smm/credentials/ca.crt, which must exist before the edits are
 * written. The file is copied, because the original may be in a home directory and may be deleted later. Rejects with
 * SMM614 when the file holds no usable certificates.
 */
export async function setControlPlane(
  url: string,
  caFile: string | undefined,
  io: Io,
): Promise<{ edits: Edit[]; beforeWrite?: () => Promise<void> }> {
  const copy = join(io.paths.credentials, 'ca.crt');
  const edits: Edit[] = [{ path: ['controlPlane', 'server'], value: url }];
  if (caFile === undefined) {
    if (!(await isThere(copy))) {
      throw new AgentError(
        'SMM614',
        'cannot set the control plane without the authorities that sign its certificate',
        `add --ca-file <file>, a PEM file: ${FROM_KUBECONFIG}`,
      );
    }
    return { edits };
  }
  const pem = await readAuthorities(resolve(caFile));
  for (const doubt of doubtsAbout(pem, new Date())) io.stderr.write(`smm-agent: warning: ${caFile}: ${doubt}\n`);
  return {
    // The default of caFile is the path of the copy.
    edits: [...edits, { path: ['controlPlane', 'caFile'], value: undefined }],
    beforeWrite: async () => {
      await makeFolder(io.paths.credentials, 0o700);
      await writeAtomically(copy, pem, { mode: 0o600, owner: { uid: 0, gid: 0 } });
      io.stdout.write(`stored the authorities in ${copy}\n`);
    },
  };
}

async function readAuthorities(file: string): Promise<string> {
  const unusable = (why: string, options?: ErrorOptions) => {
    const remedy = `give a PEM file with the certificates of the authorities: ${FROM_KUBECONFIG}`;
    return new AgentError(
      'SMM614',
      `cannot use ${file} as the authorities of the control plane: ${why}`,
      remedy,
      options,
    );
  };
  let pem: string;
  try {
    pem = await readFile(file, 'utf8');
  } catch (cause) {
    throw unusable('it cannot be read', { cause });
  }
  if (pem.includes('PRIVATE KEY-----')) throw unusable('it holds a private key, which must not be copied');
  const blocks = certificates(pem);
  if (blocks.length === 0) throw unusable('it holds no certificate in PEM form');
  for (const [index, block] of blocks.entries()) {
    try {
      new X509Certificate(block);
    } catch (cause) {
      throw unusable(`certificate ${index + 1} cannot be read`, { cause });
    }
  }
  return `${blocks.join('\n')}\n`;
}

function certificates(pem: string): string[] {
  return pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
}

function doubtsAbout(pem: string, now: Date): string[] {
  return certificates(pem).flatMap((block) => {
    const { validToDate, subject } = new X509Certificate(block);
    return validToDate > now
      ? []
      : [`the certificate of ${subject.replaceAll('\n', ', ')} expired at ${validToDate.toISOString()}`];
  });
}

async function isThere(file: string): Promise<boolean> {
  try {
    await stat(file);
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
}
