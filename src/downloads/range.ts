/** HTTP's way of asking for the rest of a file, and of telling whether that is what came. */
import type { Response } from './http.ts';
import type { Progress } from './partial.ts';

/** The headers that ask for what is missing; the server sends the whole file when it has another one by now. */
export function rangeHeaders(earlier: Progress | null): Record<string, string> {
  if (earlier === null) return {};
  const range = { Range: `bytes=${earlier.bytes}-` };
  return earlier.validator === null ? range : { ...range, 'If-Range': earlier.validator };
}

/** At which byte of the file the answer begins; null when it does not fit to what is there. */
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

/** What names this very content: If-Range takes no weak ETag. */
export function validatorOf({ headers }: Response): string | null {
  const { etag } = headers;
  if (etag !== undefined && /^"[^"]*"$/.test(etag)) return etag;
  return headers['last-modified'] ?? null;
}

/** Bytes of the whole file as the server announces it; null where it does not, or says something that is no number. */
export function totalOf({ headers }: Response, start: number): number | null {
  const length = headers['content-length'];
  return length !== undefined && /^\d+$/.test(length) ? start + Number(length) : null;
}
