/** Which entries of a package's archive are accepted: upstream's six files and the folders that lead to them, no more. */
import { AgentError } from '../../errors.ts';
import { PACKAGE_PATHS, type PackageFile } from './format.ts';
import type { TarEntry } from './tar.ts';

/** Upstream has 17 entries; a package with more folders than this is not one of theirs. */
const MAX_ENTRIES = 200;
/** Envoy with debug symbols stripped is 150 MB and pilot-agent 100 MB: room for growth, none for a bomb. */
const MAX_UNPACKED_BYTES = 2_000_000_000;
const FILES = Object.keys(PACKAGE_PATHS) as PackageFile[];

/** Judges the entries of one package, in their order. */
export class EntryChecks {
  #entries = 0;
  #bytes = 0;
  readonly #seen = new Set<PackageFile>();

  /** Which of the six the entry is, null for a folder. Throws SMM430 for anything else. */
  accept(entry: TarEntry): PackageFile | null {
    this.#entries += 1;
    if (this.#entries > MAX_ENTRIES) throw refused(`it has more than ${MAX_ENTRIES} entries`);
    const name = entry.name.replace(/^\.\//, '').replace(/\/$/, '');
    const shown = JSON.stringify(entry.name);
    if (entry.name.startsWith('/')) throw refused(`it has an absolute path: ${shown}`);
    if (name.split('/').includes('..')) throw refused(`it has a path that leaves its folder: ${shown}`);
    if (entry.kind === 'link') throw refused(`it has a link: ${shown} -> ${JSON.stringify(entry.target)}`);
    if (entry.kind === 'device') throw refused(`it has a device or pipe: ${shown}`);
    if (entry.kind === 'folder') return null;
    this.#bytes += entry.size;
    if (this.#bytes > MAX_UNPACKED_BYTES) {
      throw refused(`its files are larger than ${MAX_UNPACKED_BYTES / 1e6} MB together`);
    }
    const path = name.startsWith('lib/') ? `usr/${name}` : name;
    const file = FILES.find((candidate) => PACKAGE_PATHS[candidate] === path);
    if (file === undefined) throw refused(`it has a file that is none of Istio's: ${shown}`);
    if (this.#seen.has(file)) throw refused(`it has a file twice: ${shown}`);
    this.#seen.add(file);
    return file;
  }

  /** Throws SMM431 when one of the six has not come. */
  requireAll(): void {
    const missing = FILES.filter((file) => !this.#seen.has(file)).map((file) => `/${PACKAGE_PATHS[file]}`);
    if (missing.length === 0) return;
    throw new AgentError(
      'SMM431',
      `cannot use the Istio package: it lacks ${missing.join(', ')}`,
      'compare the package with the official one',
    );
  }
}

function refused(reason: string): AgentError {
  return new AgentError(
    'SMM430',
    `cannot use the Istio package: ${reason}`,
    'compare the package with the official one; nothing of it was used',
  );
}
