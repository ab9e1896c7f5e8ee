/** Checks an archive before it is published: later each agent of a fleet downloads it, so errors must show up here. */
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { Readable } from 'node:stream';
import { createZstdDecompress } from 'node:zlib';
import { z } from 'zod';
import { describeError } from '../../src/base/errors.ts';
import { readTar } from '../../src/host/files/tar.ts';
import { parseJson } from '../../src/host/json.ts';
import { ZSTANDARD } from '../../src/versions/unpack.ts';
import { PublishError } from '../errors.ts';
import { architectureOf } from './elf.ts';
import type { Meaning } from './target-names.ts';

const Manifest = z.object({
  format: z.literal(1),
  /** Of the agent; a runtime has none. */
  version: z.string().optional(),
  runtime: z.string(),
  files: z.record(z.string(), z.object({ sha256: z.string(), size: z.int(), mode: z.int() })),
});
export type Manifest = z.infer<typeof Manifest>;

interface Found {
  sha256: string;
  size: number;
  /** The beginning, for a closer look at some files. */
  head: Buffer;
}

/** release.json has a few hundred bytes. */
const HEAD_BYTES = 64 * 1024;

/** Returns the release.json of an archive whose files are complete and as it says. Rejects for any other archive. */
export async function checkArchive(
  file: string,
  bytes: Buffer,
  meaning: Extract<Meaning, { kind: 'agent' | 'runtime' }>,
): Promise<Manifest> {
  const files = await filesOf(file, bytes);
  const manifest = manifestOf(file, files);
  const required = meaning.kind === 'agent' ? ['smm-agent.js', 'flags'] : ['bin/node'];
  for (const name of required) {
    if (manifest.files[name] === undefined) throw wrong(file, `its release.json does not name ${name}`);
  }
  for (const [name, wanted] of Object.entries(manifest.files)) {
    const found = files.get(name);
    if (found === undefined) throw wrong(file, `${name} is missing`);
    if (found.sha256 !== wanted.sha256 || found.size !== wanted.size)
      throw wrong(file, `${name} is not what its release.json says`);
  }
  for (const name of files.keys()) {
    if (name !== 'release.json' && manifest.files[name] === undefined)
      throw wrong(file, `release.json does not name ${name}`);
  }
  requireMeaning(file, meaning, manifest, files);
  return manifest;
}

function requireMeaning(
  file: string,
  meaning: Extract<Meaning, { kind: 'agent' | 'runtime' }>,
  manifest: Manifest,
  files: ReadonlyMap<string, Found>,
): void {
  const said = meaning.kind === 'agent' ? manifest.version : manifest.runtime;
  if (said !== meaning.version)
    throw wrong(file, `it is version ${said}, but would be published as ${meaning.version}`);
  if (meaning.kind === 'agent') return;
  const architecture = architectureOf(files.get('bin/node')?.head ?? Buffer.alloc(0));
  if (architecture === null || architecture === meaning.architecture) return;
  throw wrong(file, `its node is for ${architecture}, but would be published for ${meaning.architecture}`);
}

async function filesOf(file: string, bytes: Buffer): Promise<Map<string, Found>> {
  const found = new Map<string, Found>();
  const unpacked = Readable.from([bytes]).pipe(createZstdDecompress(ZSTANDARD));
  try {
    await readTar(unpacked as AsyncIterable<Buffer>, async ({ name, kind, size }) => {
      if (kind === 'folder') return null;
      if (kind !== 'file') throw wrong(file, `${name} is a ${kind}`);
      if (found.has(name)) throw wrong(file, `${name} is in it twice`);
      const hash = createHash('sha256');
      const entry: Found = { sha256: '', size, head: Buffer.alloc(0) };
      found.set(name, entry);
      if (size === 0) entry.sha256 = hash.copy().digest('hex');
      let seen = 0;
      return async (block) => {
        hash.update(block);
        if (entry.head.length < HEAD_BYTES) entry.head = Buffer.concat([entry.head, block]).subarray(0, HEAD_BYTES);
        seen += block.length;
        if (seen === size) entry.sha256 = hash.digest('hex');
      };
    });
  } catch (cause) {
    if (cause instanceof PublishError) throw cause;
    throw wrong(file, `it cannot be unpacked: ${describeError(cause)}`, cause);
  } finally {
    unpacked.destroy();
  }
  return found;
}

function manifestOf(file: string, files: ReadonlyMap<string, Found>): Manifest {
  const text = files.get('release.json')?.head.toString('utf8');
  if (text === undefined) throw wrong(file, 'it has no release.json');
  const { success, data, error } = Manifest.safeParse(parseJson(text));
  if (success) return data;
  throw wrong(file, `its release.json cannot be used: ${z.prettifyError(error)}`);
}

function wrong(file: string, why: string, cause?: unknown): PublishError {
  return new PublishError(`cannot publish ${basename(file)}: ${why}`, 'build it again with npm run package', { cause });
}
