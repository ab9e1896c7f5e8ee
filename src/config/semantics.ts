/** Checks that the schema cannot make: other libraries, imported late, decide what is valid. */
import { isIP } from 'node:net';
import type { KeyPath } from './keys.ts';

export interface SemanticProblem {
  path: KeyPath;
  sentence: string;
  remedy: string;
}

type Check = (value: string) => Promise<{ sentence: string; remedy: string } | null>;

const checks: readonly [KeyPath, Check][] = [
  [
    ['poll', 'schedule'],
    async (value) => {
      const { validate } = await import('node-cron');
      if (validate(value)) return null;
      return {
        sentence: 'poll.schedule is not a cron expression',
        remedy:
          'write five fields (minute, hour, day, month, weekday), for example "*/5 * * * *", or six with seconds first',
      };
    },
  ],
  [['istio', 'allow'], (value) => rangeOfVersions('istio.allow', value, '>=1.30.0 <2')],
  [['agent', 'allow'], (value) => rangeOfVersions('agent.allow', value, '>=0.2.0 <1')],
  [
    ['controlPlane', 'server'],
    (value) => plainUrl('controlPlane.server', value, 'the token belongs in controlPlane.tokenFile'),
  ],
  [['repository', 'url'], (value) => plainUrl('repository.url', value, 'the repository is signed, not secret')],
  [
    ['proxy', 'https'],
    async (value) => {
      const url = URL.canParse(value) ? new URL(value) : null;
      if (url === null || `${url.pathname.replace('/', '')}${url.search}${url.hash}` === '') return null;
      const remedy = 'write for example http://proxy.example:3128';
      return { sentence: 'proxy.https must be scheme, host and port only', remedy };
    },
  ],
  [
    ['nodeIp'],
    async (value) => {
      const unusable =
        /^(0\.0\.0\.0|22[4-9]\..*|23[0-9]\..*|255\.255\.255\.255)$/.test(value) || /^(::|ff.*)$/i.test(value);
      if (isIP(value) === 0 || !unusable) return null;
      return { sentence: 'nodeIp is not the address of one machine', remedy: "write the machine's own address" };
    },
  ],
];

async function rangeOfVersions(key: string, value: string, example: string) {
  const semver = await import('../base/semver.ts');
  if (value.trim() !== '' && semver.validRange(value) !== null) return null;
  return { sentence: `${key} is not a range of versions`, remedy: `write for example "${example}"` };
}

async function plainUrl(key: string, value: string, hint: string) {
  const url = URL.canParse(value) ? new URL(value) : null;
  if (url === null || `${url.username}${url.password}${url.search}${url.hash}` === '') return null;
  return {
    sentence: `${key} must be scheme, host, port and path only`,
    remedy: `remove user, password, query and fragment; ${hint}`,
  };
}

/** Problems of values that have the right type; the schema reports values of another type. */
export async function semanticProblems(data: unknown): Promise<SemanticProblem[]> {
  const problems: SemanticProblem[] = [];
  for (const [path, check] of checks) {
    let value = data;
    for (const key of path)
      value = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
    const found = typeof value === 'string' ? await check(value) : null;
    if (found !== null) problems.push({ path, ...found });
  }
  return problems;
}
