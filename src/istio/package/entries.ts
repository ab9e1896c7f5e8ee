/**
 * Which entries of a package's archive are used: upstream's six files. All other entries
 * (fpm adds a changelog to each package, distributors add licenses and more) are judged
 * too, and skipped. If an entry would be dangerous to unpack, the package is refused.
 */
import { AgentError } from '../../base/errors.ts';
import type { TarEntry } from '../../host/files/tar.ts';
import { PACKAGE_PATHS, type PackageFile } from './format.ts';

/** Upstream has 21 entries; distributors add a few. */
const MAX_ENTRIES = 200;
/** Envoy with debug symbols stripped is 150 MB and pilot-agent 100 MB: room for growth, none for a bomb. */
const MAX_UNPACKED_BYTES = 2_000_000_000;
const FILES = Object.keys(PACKAGE_PATHS) as PackageFile[];

/** Judges the entries of one package, in their order. */
export class EntryChecks {
  #entries = 0;
  #bytes = 0;
  readonly #seen = new Set<PackageFile>();

  /**
   * Which of the six files the entry is, or what else. Throws SMM430 for links,
   * devices and paths that leave their folder: no package of Istio has them.
   */
  accept(entry: TarEntry): PackageFile | 'folder' | 'other-file' {
    this.#entries += 1;
    if (this.#entries > MAX_ENTRIES) throw refused(`it has more than ${MAX_ENTRIES} entries`);
    const name = entry.name.replace(/^\.\//, '').replace(/\/$/, '');
    const shown = JSON.stringify(entry.name);
    if (entry.name.startsWith('/')) throw refused(`it has an absolute path: ${shown}`);
    if (name.split('/').includes('..')) throw refused(`it has a path that leaves its folder: ${shown}`);
    // Another spelling of one of the six files would be skipped here, and dpkg would install it.
    if (name !== '' && name !== '.' && name.split('/').some((part) => part === '' || part === '.')) {
      throw refused(`it has a path with empty parts: ${shown}`);
    }
    if (entry.kind === 'link') throw refused(`it has a link: ${shown} -> ${JSON.stringify(entry.target)}`);
    if (entry.kind === 'device') throw refused(`it has a device or pipe: ${shown}`);
    if (entry.kind === 'folder') return 'folder';
    this.#bytes += entry.size;
    if (this.#bytes > MAX_UNPACKED_BYTES) {
      throw refused(`its files are larger than ${MAX_UNPACKED_BYTES / 1e6} MB together`);
    }
    const path = name.startsWith('lib/') ? `usr/${name}` : name;
    const file = FILES.find((candidate) => PACKAGE_PATHS[candidate] === path);
    if (file === undefined) return 'other-file';
    if (this.#seen.has(file)) throw refused(`it has a file twice: ${shown}`);
    this.#seen.add(file);
    return file;
  }

  /** Throws SMM431 when one of the six files is missing. */
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
