/**
 * Reads a tar stream, header by header. Not `tar -x`: here every entry is judged before a byte of it is on disk, and
 * the files are hashed in the same pass (a second pass costs as much as the unpacking). Not a library either: it would
 * accept extensions that change what an entry means (`kindOf`).
 */
import { AgentError } from '../../base/errors.ts';

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
/** Longer than any path that Linux opens. */
const MAX_NAME_BYTES = 4096;
/**
 * GNU tar fills its last record of 10 KB with zeros, other
 * programs some more; an endless archive would block the agent.
 */
const MAX_BYTES_AFTER_END = 1_000_000;

/**
 * Calls `onEntry` for each entry; the sink that it returns gets the entry's content, null skips it. Rejects with what
 * `onEntry` or a sink throws, and with SMM432 when the stream is not a tar archive, ends too early or does not end.
 * Never holds more of the archive than a block and a name.
 */
export async function readTar(
  stream: AsyncIterable<Buffer>,
  onEntry: (entry: TarEntry) => Promise<ContentSink | null>,
): Promise<void> {
  const header = Buffer.alloc(BLOCK);
  let filled = 0;
  let entry: { sink: ContentSink | null; left: number; padding: number } | null = null;
  const longNames = new LongNames();
  let ended = false;
  let afterEnd = 0;
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
        const sink = longNames.isOne(parsed) ? longNames.begin(parsed) : await onEntry(longNames.applyTo(parsed));
        const padding = (BLOCK - (parsed.size % BLOCK)) % BLOCK;
        if (parsed.size > 0) entry = { sink, left: parsed.size, padding };
      }
    }
    if (ended) afterEnd += chunk.length - at;
    if (afterEnd > MAX_BYTES_AFTER_END) throw notTar('it goes on after its end');
  }
  if (!ended && (entry !== null || filled > 0)) throw notTar('it ends in the middle of a file');
  longNames.requireNone();
}

type LongKind = 'long-name' | 'long-target';
type Header = Omit<TarEntry, 'kind'> & { kind: TarEntry['kind'] | LongKind };

/**
 * GNU tar writes a path of more than 100 bytes as the content of an entry of its own, in front of the entry with that
 * path. Documents in the packages of distributors have such paths.
 */
class LongNames {
  readonly #blocks = new Map<LongKind, Buffer[]>();

  isOne(header: Header): header is Header & { kind: LongKind } {
    return header.kind === 'long-name' || header.kind === 'long-target';
  }

  begin({ kind, size }: Header & { kind: LongKind }): ContentSink {
    if (size === 0 || size > MAX_NAME_BYTES) throw notTar(`it has a path of ${size} bytes`);
    if (this.#blocks.has(kind)) throw notTar('it has two paths for one file');
    const blocks: Buffer[] = [];
    this.#blocks.set(kind, blocks);
    return async (block) => void blocks.push(Buffer.from(block));
  }

  /** The entry with the paths that came in front of it. */
  applyTo(header: Header): TarEntry {
    const entry = { ...header } as TarEntry;
    entry.name = this.#text('long-name') ?? entry.name;
    entry.target = this.#text('long-target') ?? entry.target;
    this.#blocks.clear();
    return entry;
  }

  requireNone(): void {
    if (this.#blocks.size > 0) throw notTar('it ends after a path');
  }

  #text(kind: LongKind): string | null {
    const blocks = this.#blocks.get(kind);
    if (blocks === undefined) return null;
    const bytes = Buffer.concat(blocks);
    const end = bytes.indexOf(0);
    return bytes.toString('utf8', 0, end === -1 ? bytes.length : end);
  }
}

/** One header, null for the block of zeros that ends an archive. */
function parseHeader(block: Buffer): Header | null {
  if (block.every((byte) => byte === 0)) return null;
  const stored = octal(block, 148, 8);
  let sum = 8 * 0x20;
  for (const [index, byte] of block.entries()) if (index < 148 || index >= 156) sum += byte;
  if (sum !== stored) throw notTar('the checksum of a header is wrong');
  const prefix = block.toString('latin1', 257, 262) === 'ustar' && block[263] === 0x30 ? text(block, 345, 155) : '';
  const name = prefix === '' ? text(block, 0, 100) : `${prefix}/${text(block, 0, 100)}`;
  const kind = kindOf(String.fromCharCode(block[156] ?? 0));
  const size = octal(block, 124, 12);
  const hasContent = kind === 'file' || kind === 'long-name' || kind === 'long-target';
  return { name, kind, size: hasContent ? size : 0, target: text(block, 157, 100) };
}

/**
 * Like dpkg, accepts GNU tar's long names and refuses every other extension (pax records, sparse files, volumes): those
 * change what an entry means. No package that dpkg installs has one.
 */
function kindOf(flag: string): Header['kind'] {
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
    case 'L':
      return 'long-name';
    case 'K':
      return 'long-target';
    default:
      throw notTar(`it uses an extension (type ${JSON.stringify(flag)}) that no Debian package has`);
  }
}

function text(block: Buffer, offset: number, length: number): string {
  const end = block.indexOf(0, offset);
  return block.toString('utf8', offset, end === -1 || end > offset + length ? offset + length : end);
}

function octal(block: Buffer, offset: number, length: number): number {
  const digits = text(block, offset, length).trim();
  // Sizes of 8 GB and more are written in another way: no Istio package has such a file.
  if (!/^[0-7]{1,12}$/.test(digits)) throw notTar('a number in a header is not octal');
  return Number.parseInt(digits, 8);
}

function notTar(reason: string): AgentError {
  return new AgentError(
    'SMM432',
    `cannot read the archive: ${reason}`,
    'compare the file with the one of its publisher; a mirror may have repacked it',
  );
}
