/**
 * Reads a tar stream, header by header. It is a reader of our own and not `tar -x`, because so every entry is judged
 * before a byte of it is on disk, and the files are hashed in the same pass: a second pass costs as much as the unpacking.
 */
import { AgentError } from '../../errors.ts';

export interface TarEntry {
  /** As the archive spells it. */
  name: string;
  kind: 'file' | 'folder' | 'link' | 'device';
  /** Bytes of content; 0 for anything but a file. */
  size: number;
  /** Where a link points, else empty. */
  target: string;
}

/** Takes the content of a file, block by block, in order; the next block waits until it resolves. */
export type ContentSink = (block: Uint8Array) => Promise<void>;

const BLOCK = 512;

/**
 * Calls `onEntry` for each entry; the sink that it returns gets the entry's content, null skips it. Rejects with what
 * `onEntry` or a sink throws, and with SMM432 when the stream is no tar archive or ends too early.
 */
export async function readTar(
  stream: AsyncIterable<Buffer>,
  onEntry: (entry: TarEntry) => Promise<ContentSink | null>,
): Promise<void> {
  const header = Buffer.alloc(BLOCK);
  let filled = 0;
  let entry: { sink: ContentSink | null; left: number; padding: number } | null = null;
  let ended = false;
  for await (const chunk of stream) {
    let at = 0;
    while (at < chunk.length && !ended) {
      if (entry !== null) {
        const part = chunk.subarray(at, at + entry.left);
        if (part.length > 0) await entry.sink?.(part);
        entry.left -= part.length;
        const padding = entry.left === 0 ? Math.min(entry.padding, chunk.length - at - part.length) : 0;
        entry.padding -= padding;
        at += part.length + padding;
        if (entry.left === 0 && entry.padding === 0) entry = null;
        continue;
      }
      const copied = chunk.copy(header, filled, at, at + BLOCK - filled);
      filled += copied;
      at += copied;
      if (filled < BLOCK) break;
      filled = 0;
      const parsed = parseHeader(header);
      if (parsed === null) {
        ended = true;
      } else {
        const sink = await onEntry(parsed);
        const padding = (BLOCK - (parsed.size % BLOCK)) % BLOCK;
        if (parsed.size > 0) entry = { sink, left: parsed.size, padding };
      }
    }
  }
  if (!ended && (entry !== null || filled > 0)) throw notTar('it ends in the middle of a file');
}

/** One header, null for the block of zeros that ends an archive. */
function parseHeader(block: Buffer): TarEntry | null {
  if (block.every((byte) => byte === 0)) return null;
  const stored = octal(block, 148, 8);
  let sum = 8 * 0x20;
  for (const [index, byte] of block.entries()) if (index < 148 || index >= 156) sum += byte;
  if (sum !== stored) throw notTar('the checksum of a header is wrong');
  const prefix = block.toString('latin1', 257, 262) === 'ustar' && block[263] === 0x30 ? text(block, 345, 155) : '';
  const name = prefix === '' ? text(block, 0, 100) : `${prefix}/${text(block, 0, 100)}`;
  const kind = kindOf(String.fromCharCode(block[156] ?? 0));
  const size = octal(block, 124, 12);
  return { name, kind, size: kind === 'file' ? size : 0, target: text(block, 157, 100) };
}

/**
 * Extensions (long names, pax records, sparse files) change what an entry means. The paths of an Istio package need
 * none of them, so a package that uses one is refused rather than understood by half.
 */
function kindOf(flag: string): TarEntry['kind'] {
  switch (flag) {
    case '0':
    case '\0':
      return 'file';
    case '5':
      return 'folder';
    case '1':
    case '2':
      return 'link';
    case '3':
    case '4':
    case '6':
      return 'device';
    default:
      throw notTar(`it uses an extension (type ${JSON.stringify(flag)}) that no Istio package needs`);
  }
}

function text(block: Buffer, offset: number, length: number): string {
  const end = block.indexOf(0, offset);
  return block.toString('utf8', offset, end === -1 || end > offset + length ? offset + length : end);
}

function octal(block: Buffer, offset: number, length: number): number {
  const digits = text(block, offset, length).trim();
  // Sizes of 8 GB and more are written in another way: no Istio package has such a file.
  if (!/^[0-7]+$/.test(digits)) throw notTar('a number in a header is not octal');
  return Number.parseInt(digits, 8);
}

function notTar(reason: string): AgentError {
  return new AgentError(
    'SMM432',
    `cannot read the package's archive: ${reason}`,
    'compare the package with the official one; a mirror may have repacked it',
  );
}
