/** Asks for the rest of a file by HTTP, and tells whether the answer is that rest. */
import type { Response } from './http.ts';
import type { Progress } from './partial.ts';

/** The headers that ask for the missing bytes; the server sends the whole file if its file has changed. */
export function rangeHeaders(earlier: Progress | null): Record<string, string> {
  if (earlier === null) return {};
  const range = { Range: `bytes=${earlier.bytes}-` };
  return earlier.validator === null ? range : { ...range, 'If-Range': earlier.validator };
}

/** The byte of the file at which the answer begins; null when it does not fit the part on disk. */
export function startOf(response: Response, earlier: Progress | null): number | null {
  if (response.status === 200) return 0;
  if (response.status !== 206 || earlier === null) return null;
  const start = /^bytes (\d+)-/.exec(response.headers['content-range'] ?? '')?.[1];
  if (start === undefined || Number(start) !== earlier.bytes) return null;
  const validator = validatorOf(response);
  // Some servers know Range and not If-Range: their 206 can be the tail of another file.
  const isSame = earlier.validator === null || validator === null || validator === earlier.validator;
  return isSame ? earlier.bytes : null;
}

/** The header that identifies exactly this content: If-Range takes no weak ETag. */
export function validatorOf({ headers }: Response): string | null {
  const { etag } = headers;
  if (etag !== undefined && /^"[^"]*"$/.test(etag)) return etag;
  return headers['last-modified'] ?? null;
}

/** Bytes of the whole file as the server announces it; null if it announces none, or not a number. */
export function totalOf({ headers }: Response, start: number): number | null {
  const length = headers['content-length'];
  return length !== undefined && /^\d+$/.test(length) ? start + Number(length) : null;
}
