/**
 * Ed25519 keys as files: PKCS#8 in PEM, mode 0600, encrypted when there
 * is a passphrase. Names are for people; a key is known by its id.
 */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Key, Signature } from '@tufjs/models';
import { hasCode } from '../../src/host/files/file-errors.ts';
import { makeFolder, namesIn, writeAtomically } from '../../src/host/files/files.ts';
import { PublishError } from '../errors.ts';
import { ROLES, type RoleName } from './roles.ts';

/** The environment variable with the passphrase of the key files. */
export const PASSPHRASE_VARIABLE = 'SMM_REPOSITORY_PASSPHRASE';

export interface SigningKey {
  file: string;
  /** The role in the file's name; null for any other name. It is only a hint: root.json decides. */
  madeFor: RoleName | null;
  key: Key;
  sign(data: Buffer): Signature;
}

/** Root keys have a folder of their own, so that it can be carried away as a whole. */
function folderFor(keys: string, role: RoleName): string {
  return role === 'root' ? join(keys, 'root') : keys;
}

/** Makes `<role>-<number>.pem`, or reads it if it exists already. */
export async function makeKey(
  keys: string,
  role: RoleName,
  number: number,
  passphrase: string | undefined,
): Promise<SigningKey> {
  const folder = folderFor(keys, role);
  if (!existsSync(folder)) await makeFolder(folder, 0o700);
  const file = join(folder, `${role}-${number}.pem`);
  if ((await namesIn(folder)).includes(basename(file))) return readKey(file, passphrase);
  const { privateKey } = generateKeyPairSync('ed25519');
  const encryption = passphrase === undefined ? {} : { cipher: 'aes-256-cbc', passphrase };
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem', ...encryption });
  await writeAtomically(file, pem, { mode: 0o600 });
  return signingKey(file, privateKey);
}

/** The number that the next key file of a role gets. */
export async function nextKeyNumber(keys: string, role: RoleName): Promise<number> {
  const pattern = new RegExp(`^${role}-(\\d+)\\.pem$`);
  const numbers = (await namesIn(folderFor(keys, role))).map((name) => Number(pattern.exec(name)?.[1] ?? 0));
  return Math.max(0, ...numbers) + 1;
}

/**
 * Every key in these folders and in their folders `root`, each
 * once. A folder without keys is an error: it may be a wrong one.
 */
export async function readKeys(folders: readonly string[], passphrase: string | undefined): Promise<SigningKey[]> {
  const found = new Map<string, SigningKey>();
  for (const folder of folders) {
    const files = await Promise.all(
      [folder, join(folder, 'root')].map(async (place) => {
        const names = (await namesIn(place)).filter((name) => name.endsWith('.pem') && !name.startsWith('.'));
        return names.sort().map((name) => join(place, name));
      }),
    );
    if (files.flat().length === 0) {
      throw new PublishError(
        `cannot sign: there is no key in ${folder}`,
        'let --keys name the folder with the .pem files',
      );
    }
    for (const file of files.flat()) {
      const key = await readKey(file, passphrase);
      if (!found.has(key.key.keyID)) found.set(key.key.keyID, key);
    }
  }
  return [...found.values()];
}

async function readKey(file: string, passphrase: string | undefined): Promise<SigningKey> {
  const pem = await readPem(file);
  const isEncrypted = pem.includes('-----BEGIN ENCRYPTED PRIVATE KEY-----');
  if (isEncrypted && passphrase === undefined) {
    throw new PublishError(`cannot use ${file}: it is encrypted`, `set ${PASSPHRASE_VARIABLE} to its passphrase`);
  }
  try {
    return signingKey(file, createPrivateKey({ key: pem, ...(isEncrypted ? { passphrase } : {}) }));
  } catch (cause) {
    if (cause instanceof PublishError) throw cause;
    throw isEncrypted
      ? new PublishError(`cannot use ${file}: the passphrase does not open it`, `check ${PASSPHRASE_VARIABLE}`, {
          cause,
        })
      : new PublishError(`cannot use ${file}: it holds no private key`, 'give a PKCS#8 key in PEM', { cause });
  }
}

/** The public key in a PEM file, whose owner keeps the private one. */
export async function readPublicKey(file: string): Promise<Key> {
  const pem = await readPem(file);
  if (!pem.includes('-----BEGIN PUBLIC KEY-----')) {
    throw new PublishError(
      `cannot use ${file}: it holds no public key`,
      'let its owner make one with openssl pkey -in <key>.pem -pubout, and keep the private key',
    );
  }
  try {
    return publicKey(createPublicKey(pem), file);
  } catch (cause) {
    if (cause instanceof PublishError) throw cause;
    throw new PublishError(`cannot use ${file}: it holds no public key`, 'give it in PEM', { cause });
  }
}

async function readPem(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    const why = hasCode(cause, 'ENOENT') ? 'it is not there' : 'it cannot be read';
    throw new PublishError(`cannot use the key ${file}: ${why}`, 'check the path and its mode', { cause });
  }
}

function signingKey(file: string, secret: KeyObject): SigningKey {
  const key = publicKey(createPublicKey(secret), file);
  return {
    file,
    madeFor: ROLES.find((role) => new RegExp(`^${role}-\\d+\\.pem$`).test(basename(file))) ?? null,
    key,
    sign: (data) => new Signature({ keyID: key.keyID, sig: sign(null, data, secret).toString('hex') }),
  };
}

function publicKey(key: KeyObject, file: string): Key {
  if (key.asymmetricKeyType !== 'ed25519') {
    throw new PublishError(
      `cannot use ${file}: it is not an Ed25519 key`,
      'make one with openssl genpkey -algorithm ed25519',
    );
  }
  const { x = '' } = key.export({ format: 'jwk' });
  const hex = Buffer.from(x, 'base64url').toString('hex');
  // The canonical form of the key, whose digest TUF takes for its id: names in order, no spaces, nothing to escape.
  const canonical = `{"keytype":"ed25519","keyval":{"public":"${hex}"},"scheme":"ed25519"}`;
  const keyID = createHash('sha256').update(canonical).digest('hex');
  return new Key({ keyID, keyType: 'ed25519', scheme: 'ed25519', keyVal: { public: hex } });
}
