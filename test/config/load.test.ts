import assert from 'node:assert/strict';
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { loadConfig } from '../../src/config/load.ts';
import { describeProblem } from '../../src/config/problem.ts';
import { openTerminal } from '../support/terminal.ts';

const VALID = `workloadGroup:
  namespace: mesh-a
  name: vms
controlPlane:
  server: https://10.0.0.1:6443
`;

/** The problems of this text, as an operator reads them, without the folder. */
async function problemsOf(text: string | Buffer): Promise<string[]> {
  await using terminal = await openTerminal();
  await terminal.writeConfig(text);
  const loaded = await loadConfig(terminal.paths);
  if (loaded.state === 'configured') return [];
  const folder = `${dirname(terminal.paths.config)}/`;
  return loaded.problems.map((problem) => `${problem.code} ${describeProblem(problem).replaceAll(folder, '')}`);
}

describe('a valid agent.yaml', () => {
  it('gives its values, and defaults for missing keys', async () => {
    await using terminal = await openTerminal();
    await terminal.writeConfig(`${VALID}poll:\n  jitterSeconds: 3\n`);
    const loaded = await loadConfig(terminal.paths);
    assert.equal(loaded.state, 'configured');
    assert.deepEqual(loaded.config.workloadGroup, { namespace: 'mesh-a', name: 'vms' });
    assert.deepEqual(loaded.config.poll, { schedule: '* * * * *', jitterSeconds: 3 });
    assert.equal(loaded.config.hold, false);
    const given = loaded.source.given.map((path) => path.join('.'));
    assert.deepEqual(given, [
      'workloadGroup.namespace',
      'workloadGroup.name',
      'controlPlane.server',
      'poll.jitterSeconds',
    ]);
  });

  for (const [what, text] of Object.entries({
    'a byte order mark': `\u{feff}${VALID}`,
    'line ends of Windows': VALID.replaceAll('\n', '\r\n'),
    'six fields in the schedule': `${VALID}poll: { schedule: "*/30 * * * * *" }`,
    'an alias': `${VALID.replace('mesh-a', '&ns mesh-a')}istio: { env: { NS: *ns } }`,
    'an IPv6 address': `${VALID}nodeIp: "fd00::2"`,
  })) {
    it(`may have ${what}`, async () => assert.deepEqual(await problemsOf(text), []));
  }
});

describe('a mistake in agent.yaml is named with its line and what to do', () => {
  const cases: [string, string | Buffer, string[]][] = [
    ['an unknown key', `${VALID}holds: true\n`, ['SMM104 agent.yaml:6:1: unknown key "holds": did you mean "hold"?']],
    [
      'another spelling',
      `${VALID}node-ip: 10.0.0.2\n`,
      ['SMM104 agent.yaml:6:1: unknown key "node-ip": did you mean "nodeIp"?'],
    ],
    [
      'an unknown key inside',
      `${VALID}poll:\n  every: 5\n`,
      ['SMM104 agent.yaml:7:3: unknown key "every": the known keys here are schedule, jitterSeconds'],
    ],
    [
      'a wrong type',
      `${VALID}poll:\n  jitterSeconds: "20"\n`,
      ['SMM105 agent.yaml:7:18: poll.jitterSeconds must be a whole number, not text: write it without quotes'],
    ],
    [
      'a number for text',
      `${VALID}istio:\n  env:\n    A: 1\n`,
      ['SMM105 agent.yaml:8:8: istio.env.A must be text, not a number: put the value in quotes'],
    ],
    [
      'a yes of YAML 1.1',
      `${VALID}hold: yes\n`,
      ['SMM105 agent.yaml:6:7: hold must be true or false, not text: write true or false, without quotes'],
    ],
    [
      'an empty section',
      `${VALID}poll:\n`,
      ['SMM105 agent.yaml:6:1: poll must be a map of keys and values, not empty: give it a value, or remove the key'],
    ],
    [
      'a word that is not among the known',
      `${VALID}istio: { startWhenStopped: pending }`,
      ['SMM105 agent.yaml:6:28: istio.startWhenStopped must be one of when-pending, always, never: write one of these'],
    ],
    [
      'a typo in one',
      `${VALID}log: { level: warning }`,
      ['SMM105 agent.yaml:6:15: log.level must be one of debug, info, warn, error: did you mean "warn"?'],
    ],
    [
      'plain HTTP',
      VALID.replace('https', 'http'),
      ['SMM105 agent.yaml:5:11: controlPlane.server must be a URL that begins with https://: correct the value'],
    ],
    [
      'no address',
      `${VALID}nodeIp: vm-1`,
      ['SMM105 agent.yaml:6:9: nodeIp must be an IPv4 or IPv6 address: correct the value'],
    ],
    [
      'a number for an address',
      `${VALID}nodeIp: 10.5`,
      ['SMM105 agent.yaml:6:9: nodeIp must be text, not a number: put the value in quotes'],
    ],
    [
      'the address of all machines',
      `${VALID}nodeIp: 0.0.0.0`,
      ["SMM105 agent.yaml:6:9: nodeIp is not the address of one machine: write the machine's own address"],
    ],
    [
      'no range',
      `${VALID}istio: { allow: latest }`,
      ['SMM105 agent.yaml:6:17: istio.allow is not a range of versions: write for example ">=1.30.0 <2"'],
    ],
    [
      'a name with a line break',
      `${VALID}istio: { env: { A: "b\\nc" } }`,
      ['SMM105 agent.yaml:6:20: istio.env.A must be one line without control characters: correct the value'],
    ],
    [
      'no name of a variable',
      `${VALID}istio: { env: { "A;b": c } }`,
      ['SMM105 agent.yaml:6:24: istio.env.A;b must be the name of an environment variable: rename it'],
    ],
    [
      'a key that stands there twice',
      `${VALID}hold: true\nhold: false\n`,
      ['SMM107 agent.yaml:7:1: hold appears twice here: remove one of the two'],
    ],
    [
      'a second document',
      `${VALID}---\nhold: true\n`,
      [
        'SMM110 agent.yaml:6:1: a second document begins here: keep one document: remove the line --- and what follows it',
      ],
    ],
    [
      'a missing section',
      'controlPlane: { server: "https://a" }',
      ['SMM106 agent.yaml:1:1: the key workloadGroup is missing: run smm-agent set workload-group <namespace> <name>'],
    ],
    [
      'a missing key',
      VALID.replace('  name: vms\n', ''),
      [
        'SMM106 agent.yaml:1:1: the key workloadGroup.name is missing: run smm-agent set workload-group <namespace> <name>',
      ],
    ],
  ];
  for (const [what, text, expected] of cases) {
    it(what, async () => assert.deepEqual(await problemsOf(text), expected));
  }

  it('an invalid schedule', async () => {
    const [problem] = await problemsOf(`${VALID}poll: { schedule: hourly }`);
    assert.match(problem ?? '', /^SMM105 agent\.yaml:6:19: poll\.schedule is not a cron expression: write five fields/);
  });

  it('all mistakes at once, in the order of the file', async () => {
    const problems = await problemsOf(`holds: true\n${VALID}log: { format: xml }\nnodeIp: x\n`);
    assert.deepEqual(
      problems.map((problem) => problem.split(' ').slice(0, 2).join(' ')),
      ['SMM104 agent.yaml:1:1:', 'SMM105 agent.yaml:7:16:', 'SMM105 agent.yaml:8:9:'],
    );
  });

  for (const [what, text, place] of [
    ['an open quote', `${VALID}nodeIp: "10.0.0.1\nhold: true\n`, /^SMM103 agent\.yaml:\d+:\d+: not valid YAML/],
    ['a tab', `${VALID}poll:\n\tschedule: x\n`, /^SMM103 agent\.yaml:7:1: not valid YAML/],
    ['an alias of nothing', `${VALID}nodeIp: *ip\n`, /^SMM103 agent\.yaml:1:1: not valid YAML/],
    ['a tag of some program', `${VALID}nodeIp: !vault abc\n`, /^SMM103 agent\.yaml:6:9: not valid YAML/],
    ['a list', '- a\n- b\n', /^SMM105 agent\.yaml:1:1: the file must be a map/],
    ['a NUL, as a crash leaves them', Buffer.from(`${VALID}\0\0\0`), /^SMM102 agent\.yaml: byte 94 is NUL/],
    [
      'another encoding',
      Buffer.concat([Buffer.from(VALID), Buffer.from([0xe9, 0x0a])]),
      /^SMM102 agent\.yaml: not UTF-8/,
    ],
  ] as const) {
    it(what, async () => {
      const [problem = ''] = await problemsOf(text);
      assert.match(problem, place);
    });
  }

  it('never repeats a value, which could be a secret', async () => {
    const text = `${VALID.replace('https://', 'https://user:hunter2@')}istio: { env: { TOKEN: [hunter2] }, mesh: hunter2 }\nhunter3: {}`;
    const problems = (await problemsOf(text)).join('\n');
    assert.match(problems, /SMM105.*\n.*SMM105/);
    assert.doesNotMatch(problems, /hunter2/);
  });
});

describe('agent.yaml as a file', () => {
  it('names the commands that make the file, if it is missing', async () => {
    await using terminal = await openTerminal();
    const loaded = await loadConfig(terminal.paths);
    assert.equal(loaded.state, 'misconfigured');
    assert.equal(loaded.problems[0].code, 'SMM101');
    assert.match(loaded.problems[0].remedy, /smm-agent set workload-group/);
  });

  it('is refused if other users may write it', async () => {
    await using terminal = await openTerminal();
    await terminal.writeConfig(VALID);
    await chmod(terminal.paths.config, 0o646);
    const loaded = await loadConfig(terminal.paths);
    assert.equal(loaded.state === 'misconfigured' && loaded.problems[0].code, 'SMM109');
    await chmod(terminal.paths.config, 0o644);
    await chmod(dirname(terminal.paths.config), 0o757);
    const inOpenFolder = await loadConfig(terminal.paths);
    assert.equal(inOpenFolder.state === 'misconfigured' && inOpenFolder.problems[0].code, 'SMM109');
  });

  it('may not be a folder', async () => {
    await using terminal = await openTerminal();
    await mkdir(terminal.paths.config);
    const loaded = await loadConfig(terminal.paths);
    assert.equal(loaded.state === 'misconfigured' && loaded.problems[0].code, 'SMM102');
  });

  for (const name of [
    'agent.yml',
    'agent.json',
    'agent.yaml.dpkg-dist',
    'agent.yaml.rpmnew',
    'agent.yaml.d',
    'config.yaml',
    'AGENT.YAML',
  ]) {
    it(`may not lie beside ${name}, which would be ignored`, async () => {
      await using terminal = await openTerminal();
      await terminal.writeConfig(VALID);
      await writeFile(join(dirname(terminal.paths.config), name), '');
      const loaded = await loadConfig(terminal.paths);
      assert.equal(loaded.state, 'misconfigured');
      assert.deepEqual(
        loaded.problems.map(({ code, file }) => [code, file]),
        [['SMM108', join(dirname(terminal.paths.config), name)]],
      );
    });
  }

  it('may lie beside backups and the folders of the agent', async () => {
    await using terminal = await openTerminal();
    await terminal.writeConfig(VALID);
    const folder = dirname(terminal.paths.config);
    for (const name of ['agent.yaml~', 'agent.yaml.bak', 'agent.yaml.dpkg-old', '.agent.yaml.swp'])
      await writeFile(join(folder, name), '');
    for (const name of ['credentials', 'hooks.d', 'repository']) await mkdir(join(folder, name));
    assert.equal((await loadConfig(terminal.paths)).state, 'configured');
    await rm(terminal.paths.config);
    assert.equal((await loadConfig(terminal.paths)).state, 'misconfigured');
  });
});
