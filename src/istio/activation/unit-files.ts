/** Reads the files that configure istio.service now. */
import { readText } from '../../host/files/files.ts';
import type { UnitState } from '../../host/systemd/service-manager.ts';
import type { TextFile } from './unit-file.ts';

/** In the order in which systemd reads them. A file that was deleted since is left out: systemd will notice too. */
export function readUnitFiles(unit: Pick<UnitState, 'fragmentPath' | 'dropInPaths'>): Promise<TextFile[]> {
  return readAll([unit.fragmentPath, ...unit.dropInPaths].filter((path) => path !== '' && path !== '/dev/null'));
}

async function readAll(files: readonly string[]): Promise<TextFile[]> {
  const found = await Promise.all(files.map(readFileOf));
  return found.filter((file) => file !== null);
}

export async function readFileOf(path: string): Promise<TextFile | null> {
  const text = await readText(path);
  return text === null ? null : { path, text };
}
