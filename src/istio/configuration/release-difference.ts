/** How one release differs from another, in an operator's words: the reason that "restart pending" shows. */
import type { ReleaseConfiguration, ReleaseManifest } from '../release.ts';
import { describeDifference } from './difference.ts';

export interface ReleaseView {
  manifest: Pick<ReleaseManifest, 'id' | 'istioVersion' | 'revision' | 'packageDigest' | 'origin'>;
  /** With RELEASE_FOLDER instead of the folder: else each release would differ in its own paths. */
  configuration: ReleaseConfiguration;
}

/** One sentence for each difference, the version first; never empty for two releases. */
export function releaseDifference(from: ReleaseView, to: ReleaseView): string[] {
  const [a, b] = [from.manifest, to.manifest];
  const sentences = [
    ...(a.istioVersion === b.istioVersion ? [] : [`Istio ${a.istioVersion} to ${b.istioVersion}`]),
    ...(a.revision === b.revision ? [] : [`revision ${a.revision ?? 'unknown'} to ${b.revision ?? 'unknown'}`]),
    ...describeDifference(from.configuration, to.configuration),
  ];
  if (sentences.length > 0) return sentences;
  // The digest of an adopted release is over its files, that of the others over their package.
  const isOtherBuild = a.packageDigest !== b.packageDigest && a.origin === b.origin;
  return [isOtherBuild ? `another build of Istio ${b.istioVersion}` : `release ${a.id} to ${b.id}`];
}
