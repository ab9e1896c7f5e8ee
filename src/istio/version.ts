/**
 * What counts as a version of Istio, and which two mean the same release. Distributors
 * add to Istio's version: `1.31.1-solo`, `1.31.1-tetrate-v0`, `1.31.1+build.5`, and
 * `1.31.1_ossm` where it stands in an image's tag or a label, which cannot hold a `+`.
 */

export interface IstioVersion {
  /** As it is written everywhere: in URLs, names of releases, status. `_` has become `+`. */
  text: string;
  /** Istio's own release, for example 1.31.1. */
  release: string;
  /** Istio's own prerelease, for example rc.0; empty for a release. */
  prerelease: string;
  /** What a distributor added, without the sign in front; empty in Istio's own versions. */
  suffix: string;
}

/** Labels hold 63 characters, tags 128; the version becomes a part of names of files. */
const MAX_CHARS = 100;
const NUMBER = '(?:0|[1-9]\\d{0,8})';
const WORDS = '[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*';
const VERSION = new RegExp(`^(${NUMBER}\\.${NUMBER}\\.${NUMBER})(?:-(${WORDS}))?(?:[+_](${WORDS}))?$`);
/** Istio's own: alpha.<commit>, beta.0, rc.0. */
const PRERELEASE = /^(?:alpha|beta|rc)(?=\.|$)/;

/** Null for a text that is not a version: it is used in no search, no URL and no name. */
export function parseIstioVersion(text: string): IstioVersion | null {
  const [, release, words = '', build = ''] = text.length > MAX_CHARS ? [] : (VERSION.exec(text) ?? []);
  if (release === undefined) return null;
  const isPrerelease = PRERELEASE.test(words);
  const suffix = [isPrerelease ? '' : words, build].filter((part) => part !== '').join('+');
  return { text: text.replace('_', '+'), release, prerelease: isPrerelease ? words : '', suffix };
}

/**
 * Whether a pilot-agent of version `said` is the wanted release. Release and prerelease must be the same. A
 * distributor's suffix may be missing on one side: some stamp it only into the program, or only into the control
 * plane's version. Two suffixes must be the same.
 */
export function isSameRelease(wanted: string, said: string): boolean {
  const [a, b] = [parseIstioVersion(wanted), parseIstioVersion(said)];
  if (a === null || b === null) return wanted === said;
  if (a.release !== b.release || a.prerelease !== b.prerelease) return false;
  return a.suffix === b.suffix || a.suffix === '' || b.suffix === '';
}

/**
 * For semver's ranges: without a distributor's suffix, since
 * `1.31.1-solo` would be less than 1.31.1. Istio's prereleases stay.
 */
export function comparable(text: string): string {
  const version = parseIstioVersion(text);
  if (version === null) return text;
  return version.prerelease === '' ? version.release : `${version.release}-${version.prerelease}`;
}
