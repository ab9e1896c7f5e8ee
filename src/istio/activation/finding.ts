/** What the checks of istio.service get, and what they return: a finding names the file and the line. Pure. */
import type { Paths } from '../../base/paths.ts';
import type { UnitState } from '../../host/systemd/service-manager.ts';
import type { ReleaseId } from '../release.ts';
import { RELEASE_FILES } from '../release.ts';
import type { TextFile } from './unit-file.ts';
import { serviceSettings } from './unit-file.ts';

/** Something that defeats the drop-in. `line` is null if no line can be named; `text` is a whole sentence. */
export interface Finding {
  file: string;
  line: number | null;
  text: string;
  remedy: string;
}

export interface UnitFacts {
  unit: UnitState;
  paths: Paths;
  active: ReleaseId | null;
  /** Unit file and drop-ins in the order in which systemd reads them. */
  unitFiles: readonly TextFile[];
  /** The files that EnvironmentFile= names, in order. */
  environmentFiles: readonly TextFile[];
  /** Of the active release; null before the first one. */
  sidecarEnv: TextFile | null;
  clusterEnv: TextFile | null;
  mesh: string;
  isDropInCurrent: boolean;
  /** A folder above the releases that istio-proxy cannot enter; null if there is none. */
  barred: Finding | null;
}

/** The variables of the drop-in and what each must be. */
export function redirections({ active }: Pick<Paths, 'active'>): Map<string, string> {
  return new Map([
    ['ISTIO_BIN_BASE', `${active}/bin`],
    ['ISTIO_BOOTSTRAP', `${active}/${RELEASE_FILES.bootstrapTemplate}`],
    ['ISTIO_CLUSTER_CONFIG', `${active}/${RELEASE_FILES.clusterEnv}`],
    ['ISTIO_SIDECAR_CONFIG', `${active}/${RELEASE_FILES.sidecarEnv}`],
  ]);
}

/** A finding at the last setting that fits; at `otherwise`, without a line, if none fits. */
export function named(
  files: readonly TextFile[],
  key: string | RegExp,
  otherwise: string,
  what: string,
  remedy: string,
  fits: (path: string, value: string) => boolean,
): Finding {
  const at = files
    .flatMap(serviceSettings)
    .findLast(
      (setting) =>
        (typeof key === 'string' ? setting.key === key : key.test(setting.key)) && fits(setting.file, setting.value),
    );
  const file = at?.file ?? otherwise;
  const line = at?.line ?? null;
  return { file, line, text: `${place(file, line)} ${what}`, remedy };
}

export function place(file: string, line: number | null): string {
  return line === null ? file : `${file}:${line}`;
}
