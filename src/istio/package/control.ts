/**
 * The name, version and architecture of a Debian package, read without writing anything and without trusting its sizes.
 */
import { AgentError } from '../../base/errors.ts';
import { type ContentSink, readTar, type TarEntry } from '../../host/files/tar.ts';
import { type ReadOptions, readPart } from './dpkg-deb.ts';

export interface PackageIdentity {
  name: string;
  version: string;
  architecture: string;
}

const TIMEOUT_MS = 60_000;
/** fpm's is 300 bytes; Debian's longest, with hundreds of dependencies, has 30 KB. */
const MAX_CONTROL_BYTES = 64 * 1024;
/** Checksums of thousands of files and the scripts of a database make a megabyte. */
const MAX_ARCHIVE_BYTES = 8 * 1024 * 1024;
const MAX_ENTRIES = 100;
/** A longer value is not a name, and messages show these values. */
const VALUE = /^[!-~]{1,200}$/;

/**
 * For any Debian package. Rejects with SMM430 when its control archive cannot be used, SMM432 or SMM433 when it cannot
 * be read, SMM502, SMM503, and the signal's reason.
 */
export async function readIdentity(file: string, options: ReadOptions = {}): Promise<PackageIdentity> {
  const blocks: Buffer[] = [];
  let bytes = 0;
  let entries = 0;
  let isThere = false;
  const onEntry = async ({ name, kind, size }: TarEntry): Promise<ContentSink | null> => {
    entries += 1;
    bytes += size;
    if (entries > MAX_ENTRIES) throw refused(file, `it has more than ${MAX_ENTRIES} control files`);
    if (bytes > MAX_ARCHIVE_BYTES) throw refused(file, `its control files are larger than ${MAX_ARCHIVE_BYTES} bytes`);
    if (name.replace(/^\.\//, '') !== 'control') return null;
    if (kind !== 'file') throw refused(file, 'its control file is not a file');
    if (isThere) throw refused(file, 'it has two control files');
    if (size > MAX_CONTROL_BYTES) throw refused(file, `its control file is larger than ${MAX_CONTROL_BYTES} bytes`);
    isThere = true;
    return async (block) => void blocks.push(Buffer.from(block));
  };
  await readPart(file, 'control', { ...options, timeoutMs: TIMEOUT_MS }, (stdout) => readTar(stdout, onEntry));
  if (!isThere) throw refused(file, 'it has no control file');
  const fields = parseFields(file, Buffer.concat(blocks).toString('utf8'));
  const value = (name: string) => {
    const found = fields.get(name) ?? '';
    if (!VALUE.test(found)) throw refused(file, `its control file names no usable ${name}`);
    return found;
  };
  return { name: value('package'), version: value('version'), architecture: value('architecture') };
}

/**
 * Fields by their names in lower case, as in deb822(5). Continuation
 * lines are left out: no field that is asked for has one.
 */
function parseFields(file: string, text: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.split('\n')) {
    if (line === '') break;
    if (/^[ \t#]/.test(line)) continue;
    const [, name, value = ''] = /^([!-9;-~]+):[ \t]*(.*?)\s*$/.exec(line) ?? [];
    if (name === undefined) throw refused(file, 'its control file has a line that is not a field');
    const key = name.toLowerCase();
    if (fields.has(key)) throw refused(file, `its control file names ${key} twice`);
    fields.set(key, value);
  }
  return fields;
}

function refused(file: string, reason: string): AgentError {
  const remedy = 'compare the package with the official one; nothing of it was used';
  return new AgentError('SMM430', `cannot use ${file}: ${reason}`, remedy);
}
