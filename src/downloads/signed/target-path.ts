/**
 * The name of a file in the repository, below its URL, and on disk. A name from outside must not lead anywhere else.
 */
import { AgentError } from '../../base/errors.ts';

/** With the endings that partial.ts adds, a longer name fits no file system. */
const MAX_NAME_BYTES = 200;

/** Throws SMM457 for a path that could lead out of a folder, be read as something else, or look like a file of ours. */
export function requireUsablePath(path: string): void {
  const segments = path.split('/');
  const name = segments.at(-1) ?? '';
  if (/[\p{Cc}\\]/u.test(path)) throw unusable(path, 'it has a backslash or a control character');
  if (!path.isWellFormed()) throw unusable(path, 'it is not text');
  if (segments.includes('')) throw unusable(path, 'it is absolute, or has an empty part');
  if (segments.includes('.') || segments.includes('..')) throw unusable(path, 'it has a part . or ..');
  if (name.startsWith('.') || /\.part(\.json)?$/.test(name)) throw unusable(path, `${name} cannot be kept on disk`);
  if (Buffer.byteLength(name) > MAX_NAME_BYTES) throw unusable(path, 'its name is too long');
}

/**
 * The URL of a file; with consistent snapshots each content has
 * a name of its own, so that a published file never changes.
 */
export function targetUrl(base: string, path: string, sha256: string, consistent: boolean): string {
  const segments = path.split('/').map(encodeURIComponent);
  const name = segments.pop() ?? '';
  return [base, 'targets', ...segments, consistent ? `${sha256}.${name}` : name].join('/');
}

/** The name of the file in the folder of downloads. */
export function targetFileName(path: string): string {
  return path.split('/').at(-1) ?? path;
}

function unusable(path: string, reason: string): AgentError {
  return new AgentError(
    'SMM457',
    `cannot ask the repository for ${JSON.stringify(path)}: ${reason}`,
    'check the version that the control plane names: it becomes a part of the name',
  );
}
