/** Which format a package has. */
import { AgentError } from '../../base/errors.ts';
import type { PackageFormat } from './format.ts';

/** The format of a package by its file name. Throws SMM434 for one that the agent cannot unpack. */
export async function packageFormatOf(file: string): Promise<PackageFormat> {
  if (file.endsWith('.deb')) return (await import('./deb.ts')).debFormat;
  throw new AgentError(
    'SMM434',
    `cannot unpack ${file}: only deb packages are supported`,
    'check the server of istio.downloads, or the signed repository: it must have a deb package',
  );
}
