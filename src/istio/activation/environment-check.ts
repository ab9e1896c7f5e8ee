/**
 * An operator's variables that win over those of a release. The order in which they win: cluster.env over sidecar.env
 * (both sourced by the start script) over EnvironmentFile= over Environment=. Pure.
 */
import { splitWords } from '../../host/systemd/show.ts';
import { type EnvEntry, lastMention, readEnvText } from '../configuration/env/env-text.ts';
import { RELEASE_FILES } from '../release.ts';
import { type Finding, place, redirections, type UnitFacts } from './finding.ts';
import { serviceSettings, type TextFile } from './unit-file.ts';

/** Where a variable is set last, and its value; undefined if only a shell could tell it. */
interface Mention {
  file: string;
  line: number;
  value: string | undefined;
  isInRelease: boolean;
}

export function defeatingEnvironment(facts: UnitFacts): Finding[] {
  return [...redirected(facts), ...flags(facts), ...addresses(facts), ...proxyConfig(facts)];
}

/**
 * The start script sources its env files after systemd has set the environment: a redirection in one of them is lost.
 */
function redirected(facts: UnitFacts): Finding[] {
  return [...redirections(facts.paths)].flatMap(([key, wanted]) => {
    const mention = lastOf(key, facts, { withUnit: false });
    if (mention === undefined || mention.value === wanted) return [];
    return [finding(mention, facts, key, 'Istio would not take everything from the active release')];
  });
}

/** `--meshConfig` of the release must come last: it carries the path of Envoy. */
function flags(facts: UnitFacts): Finding[] {
  const key = 'ISTIO_AGENT_FLAGS';
  // Through `active`, or in the release's own folder: both are the mesh file of what starts.
  const own = [facts.paths.active, `${facts.paths.releases}/${facts.active}`].map(
    (folder) => `--meshConfig ${folder}/${RELEASE_FILES.mesh}`,
  );
  const inRelease = lastIn([facts.clusterEnv, facts.sidecarEnv], key, true);
  const findings: Finding[] = [];
  if (inRelease !== undefined && !own.some((flag) => inRelease.text.includes(flag))) {
    findings.push(
      finding(
        inRelease,
        facts,
        key,
        'it takes the place of --meshConfig, so that the new pilot-agent would run the old Envoy',
      ),
    );
  }
  const mention = lastOf(key, facts, { withUnit: true, withRelease: false });
  if (mention?.value?.includes('--meshConfig')) {
    findings.push(
      finding(mention, facts, key, 'its --meshConfig has no effect any more, since the release brings its own'),
    );
  }
  return findings;
}

/** These win over the mesh file's discoveryAddress: a move to another control plane would be without effect. */
function addresses(facts: UnitFacts): Finding[] {
  const discovery = /^\s*discovery_?[aA]ddress:\s*["']?([^"'\s]+)/m.exec(facts.mesh)?.[1];
  for (const key of ['PILOT_ADDRESS', 'ISTIO_PILOT_PORT'] as const) {
    const mention = lastOf(key, facts, { withUnit: true });
    if (mention === undefined || mention.value === '') continue;
    // In a release's own files it is moved together with the mesh file; a port alone only counts without an address.
    if (mention.isInRelease && (discovery === undefined || mention.value === discovery || key === 'ISTIO_PILOT_PORT'))
      return [];
    return [
      finding(
        mention,
        facts,
        key,
        'it wins over the mesh file, so that a move to another control plane would have no effect',
      ),
    ];
  }
  return [];
}

function proxyConfig(facts: UnitFacts): Finding[] {
  const key = 'PROXY_CONFIG';
  const mention = lastOf(key, facts, { withUnit: true });
  // What a release's own files hold was checked when they were made.
  if (mention === undefined || mention.isInRelease) return [];
  const field =
    mention.value === undefined
      ? 'text that only a shell can read'
      : /(binary_?Path|discovery_?Address)/i.exec(mention.value)?.[1];
  return field === undefined
    ? []
    : [finding(mention, facts, `${key} (${field})`, 'it wins over the mesh file of the release')];
}

function lastOf(
  key: string,
  facts: UnitFacts,
  { withUnit, withRelease = true }: { withUnit: boolean; withRelease?: boolean },
): Mention | undefined {
  const inRelease = withRelease ? lastIn([facts.clusterEnv, facts.sidecarEnv], key, true) : undefined;
  return (
    inRelease ??
    lastIn(facts.environmentFiles.toReversed(), key, false) ??
    (withUnit ? lastInUnit(facts, key) : undefined)
  );
}

/** `files`: in the order in which they win. */
function lastIn(
  files: readonly (TextFile | null)[],
  key: string,
  isInRelease: boolean,
): (Mention & { text: string }) | undefined {
  for (const file of files) {
    const entry = file === null ? undefined : lastMention(readEnvText(file.text).entries, key);
    if (file === null || entry === undefined) continue;
    return { file: file.path, line: entry.line, value: valueIn(entry), text: entry.text, isInRelease };
  }
  return undefined;
}

function valueIn(entry: EnvEntry): string | undefined {
  return entry.kind === 'assignment' ? entry.value : undefined;
}

/** The effective value is systemd's own answer; the files say where it comes from. */
function lastInUnit({ unit, unitFiles }: UnitFacts, key: string): Mention | undefined {
  const value = unit.environment[key];
  if (value === undefined) return undefined;
  const setting = unitFiles
    .flatMap(serviceSettings)
    .findLast((one) => one.key === 'Environment' && splitWords(one.value).some((word) => word.startsWith(`${key}=`)));
  return { file: setting?.file ?? unit.fragmentPath, line: setting?.line ?? 1, value, isInRelease: false };
}

function finding(mention: Mention, { paths }: UnitFacts, key: string, why: string): Finding {
  const { file, line } = mention;
  const remedy = mention.isInRelease
    ? `remove it from the machine's own ${file.endsWith(RELEASE_FILES.clusterEnv) ? paths.istio.clusterEnv : paths.istio.sidecarEnv}, and run smm-agent adopt`
    : `remove ${key} there, then run systemctl daemon-reload`;
  return { file, line, text: `${place(file, line)} sets ${key}: ${why}`, remedy };
}
