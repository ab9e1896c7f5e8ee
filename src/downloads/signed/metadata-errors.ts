/**
 * Finds out which attack, or which mistake of the publisher, an error of tuf-js means. tuf-js has classes for some
 * errors only, and puts those of snapshot and targets into the text of another error, so the text has to tell them
 * apart. test/downloads/signed has a case for each line here. Metadata is refused too when no line fits.
 */
import type { CodeOf } from '../../base/error-codes.ts';
import { AgentError, describeError } from '../../base/errors.ts';
import { fileError } from '../../host/files/file-errors.ts';

export interface Circumstances {
  /** The file that was asked for last, for texts that name no file. */
  file: string;
  /** The folder in which tuf-js works. */
  folder: string;
  /** The folder with the metadata that was seen before. */
  cacheFolder: string;
  /** The time as of which the metadata was judged. */
  now: Date;
  /** When the metadata of a role expires, by its own words; null if it does not say. */
  expiryOf(role: string): Promise<string | null>;
}

const REMEDIES = {
  rollback: (cacheFolder: string) =>
    `bring the server up to date: an old copy of the repository answers, or an attacker holds updates back; only if another repository has taken its place, remove ${cacheFolder}`,
  mixed: 'publish again: the files on the server are of different times, or an attacker has mixed old and new ones',
  hashes: 'publish again: the file on the server is damaged, or was replaced',
  signatures:
    'sign it with the keys of the role, or publish the root that names the new ones; if no key was changed, another server answers in place of the repository',
  malformed: 'check repository.url: a proxy or a login page may answer in its place',
};

/** The texts of tuf-js 6.0.2 and @tufjs/models 5.0.2, with what each of them means. */
const MEANINGS: readonly [RegExp, (parts: readonly string[], circumstances: Circumstances) => AgentError][] = [
  [
    /^(.+) was signed by (\d+)\/([\d.]+) keys$/,
    ([role, n, m]) =>
      refused('SMM455', `${role}.json is signed by ${n} of ${m} keys that must sign it`, REMEDIES.signatures),
  ],
  [
    /^New (timestamp|snapshot) version (\S+) is less than current version (\S+)$/,
    ([role, now, before], { cacheFolder }) => older(cacheFolder, role, now, before),
  ],
  [
    /^New version (\S+) of (.+)\.json is less than current version (\S+)$/,
    ([now, role, before], { cacheFolder }) => older(cacheFolder, role, now, before),
  ],
  [
    /^Missing file (.+)\.json in new snapshot$/,
    ([role], { cacheFolder }) =>
      refused('SMM450', `its snapshot leaves out ${role}, which was there before`, REMEDIES.rollback(cacheFolder)),
  ],
  [
    /^Expected version (\d+), got (\S+)$/,
    ([wanted, got], { cacheFolder }) =>
      Number(got) < Number(wanted)
        ? refused('SMM450', `${wanted}.root.json holds the older version ${got}`, REMEDIES.rollback(cacheFolder))
        : refused('SMM452', `${wanted}.root.json holds version ${got}`, REMEDIES.mixed),
  ],
  [
    /^Snapshot version doesn't match timestamp$/,
    () => refused('SMM452', 'its snapshot is not the one that its timestamp names', REMEDIES.mixed),
  ],
  [
    /^Version (\S+) of (.+) does not match snapshot version (\S+)$/,
    ([got, role, wanted]) =>
      refused(
        'SMM452',
        `its ${role}.json has version ${got}, but its snapshot names version ${wanted}`,
        REMEDIES.mixed,
      ),
  ],
  [
    /^Cannot read properties of undefined \(reading 'length'\)$/,
    () => refused('SMM452', 'its snapshot leaves out metadata that is needed', REMEDIES.mixed),
  ],
  [
    /^Expected length (\d+) but got (\d+)$/,
    ([wanted, got], { file }) =>
      refused('SMM454', `${file} has ${got} bytes, but ${wanted} are signed`, REMEDIES.hashes),
  ],
  [
    /^Expected hash (\S*) but got (\S+)$/,
    ([wanted, got], { file }) =>
      refused('SMM454', `${file} has the digest ${got}, but ${wanted} is signed`, REMEDIES.hashes),
  ],
  [
    /^Hash algorithm (.*) not supported$/,
    ([name], { file }) =>
      refused('SMM454', `${file} is signed with an unknown kind of digest (${name})`, REMEDIES.hashes),
  ],
];

/**
 * The error for what tuf-js threw while it verified: SMM450 to SMM456, or SMM521 and SMM522 when it could not write.
 */
export async function metadataError(thrown: unknown, circumstances: Circumstances): Promise<AgentError> {
  const { file, folder } = circumstances;
  const text = innermost(describeError(thrown));
  if (/^Failed to persist metadata /.test(text)) {
    const code = /ENOSPC|EDQUOT/.exec(text)?.[0];
    return fileError('write', folder, code === undefined ? thrown : Object.assign(new Error(text), { code }));
  }
  const [, role] = /^(?:Final )?(.+)\.json is expired$/.exec(text) ?? [];
  if (role !== undefined) return expired(role, circumstances);
  for (const [pattern, meaning] of MEANINGS) {
    const parts = pattern.exec(text);
    if (parts !== null) return meaning(parts.slice(1), circumstances);
  }
  return refused('SMM456', `${file} is not metadata of a repository (${text})`, REMEDIES.malformed, { cause: thrown });
}

/** tuf-js puts the error of a step into the text of another error: the original text is at the end. */
function innermost(text: string): string {
  return text.replace(/^Unable to load (?:snapshot metadata|targets) error \w+: /, '');
}

async function expired(role: string, { now, expiryOf }: Circumstances): Promise<AgentError> {
  const at = await expiryOf(role);
  const since = at === null ? 'has expired' : `expired at ${at}`;
  return refused(
    'SMM451',
    `its ${role}.json ${since}, and the clock of this machine says ${now.toISOString()}`,
    'check the clock (timedatectl); if it is right, let the publisher sign again; if that was done, an attacker holds the new metadata back',
  );
}

function older(cacheFolder: string, role = '', now = '', before = ''): AgentError {
  return refused(
    'SMM450',
    `it offers version ${now} of ${role}.json, but version ${before} was seen before`,
    REMEDIES.rollback(cacheFolder),
  );
}

function refused(code: CodeOf<4>, reason: string, remedy: string, options?: ErrorOptions): AgentError {
  return new AgentError(code, `cannot trust the repository: ${reason}`, remedy, options);
}
