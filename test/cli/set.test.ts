import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { chmod, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { rootCertificates } from 'node:tls';
import fc from 'fast-check';
import { parse } from 'yaml';
import { doubtAbout } from '../../src/cli/set-bearer-token.ts';
import { isEmergencyHeld } from '../../src/config/emergency-hold.ts';
import { loadConfig } from '../../src/config/load.ts';
import { configHere } from '../../src/operator/without-daemon.ts';
import { openTerminal } from '../support/terminal.ts';

const COMMENTED = `# ours
# owner: team mesh

workloadGroup: # see wiki
  name: vms # the group
  namespace: mesh-a

# one minute is too often here
poll:
  schedule: '*/5 * * * *' # five minutes
hold: false   # until Tuesday
controlPlane:
  server: https://10.0.0.1:6443
# the end
`;

/** A PEM file with real certificates: the first of those that Node itself trusts. */
async function authorities(folder: string): Promise<string> {
  const pem = join(folder, 'ca.pem');
  await writeFile(pem, `${rootCertificates.slice(0, 2).join('\n')}\n`);
  return pem;
}

describe('smm-agent set', () => {
  it('makes a missing file, readable by all, and says which keys are still missing', async () => {
    await using terminal = await openTerminal();
    const ended = await terminal.type(['set', 'workload-group', 'mesh-a', 'vms']);
    assert.equal(ended.code, 0, ended.stderr);
    assert.match(
      ended.stdout,
      /before the agent can work: the key controlPlane is missing: run smm-agent set control-plane/,
    );
    assert.match(await terminal.config(), /^# The configuration of smm-agent/);
    assert.deepEqual(parse(await terminal.config()), { workloadGroup: { namespace: 'mesh-a', name: 'vms' } });
    assert.equal(await terminal.modeOf(terminal.paths.config), 0o644);
  });

  it('keeps comments, order and everything else as it was', async () => {
    await using terminal = await openTerminal();
    await terminal.writeConfig(COMMENTED, 0o640);
    assert.equal((await terminal.type(['set', 'hold', 'true'])).code, 0);
    assert.equal((await terminal.type(['set', 'poll.schedule', '0 * * * *'])).code, 0);
    assert.equal((await terminal.type(['set', 'workload-group', 'mesh-b', 'vms'])).code, 0);
    const expected = COMMENTED.replace('hold: false', 'hold: true')
      .replace('*/5 * * * *', '0 * * * *')
      .replace('mesh-a', 'mesh-b');
    assert.equal(await terminal.config(), expected);
    assert.equal(await terminal.modeOf(terminal.paths.config), 0o640);
  });

  it('adds a key at the end of its section, and a section at the end of the file', async () => {
    await using terminal = await openTerminal();
    await terminal.writeConfig(COMMENTED);
    assert.equal((await terminal.type(['set', 'poll.jitterSeconds', '5'])).code, 0);
    assert.equal((await terminal.type(['set', 'controlPlane.istioNamespace', 'mesh'])).code, 0);
    assert.equal((await terminal.type(['set', 'report.validationLevel', 'WARNING'])).code, 0);
    const expected = COMMENTED.replace('# five minutes\n', '# five minutes\n  jitterSeconds: 5\n').replace(
      '6443\n',
      '6443\n  istioNamespace: mesh\nreport:\n  validationLevel: WARNING\n',
    );
    assert.equal(await terminal.config(), expected);
  });

  it('edits a map that is written in braces', async () => {
    await using terminal = await openTerminal();
    await terminal.writeConfig('poll: {jitterSeconds: 5} # both\n# end\n');
    assert.equal((await terminal.type(['set', 'poll.jitterSeconds', '6'])).code, 0);
    assert.equal(await terminal.config(), 'poll: {jitterSeconds: 6} # both\n# end\n');
    assert.equal((await terminal.type(['set', 'poll.schedule', '* * * * *'])).code, 0);
    assert.deepEqual(parse(await terminal.config()), { poll: { jitterSeconds: 6, schedule: '* * * * *' } });
    assert.match(await terminal.config(), /# both\n+# end\n/);
  });

  it('writes through a link and leaves it a link', async () => {
    await using terminal = await openTerminal();
    const real = join(terminal.paths.root, 'managed.yaml');
    await writeFile(real, COMMENTED, { mode: 0o644 });
    await symlink(real, terminal.paths.config);
    assert.equal((await terminal.type(['set', 'hold', 'true'])).code, 0);
    assert.equal(parse(await readFile(real, 'utf8')).hold, true);
  });

  it('takes a key out with --default, and its section with the last one', async () => {
    await using terminal = await openTerminal();
    await terminal.writeConfig(COMMENTED);
    assert.equal((await terminal.type(['set', 'poll.schedule', '--default'])).code, 0);
    assert.equal('poll' in parse(await terminal.config()), false);
  });

  it('does not take out what the agent needs', async () => {
    await using terminal = await openTerminal();
    await terminal.writeConfig(COMMENTED);
    const { code, stderr } = await terminal.type(['set', 'workloadGroup.name', '--default']);
    assert.equal(code, 1);
    assert.match(stderr, /the key workloadGroup\.name is missing: /);
    assert.equal(await terminal.config(), COMMENTED);
  });

  it('fills an empty section', async () => {
    await using terminal = await openTerminal();
    await terminal.writeConfig('poll:\n');
    assert.equal((await terminal.type(['set', 'poll.jitterSeconds', '5'])).code, 0);
    assert.deepEqual(parse(await terminal.config()), { poll: { jitterSeconds: 5 } });
  });

  it('keeps text as text, even if it looks like another type', async () => {
    await using terminal = await openTerminal();
    for (const value of ['true', '1.30', 'null', 'a: b', '# no comment', '']) {
      assert.equal((await terminal.type(['set', 'istio.env.VALUE', value])).code, 0);
      assert.equal(parse(await terminal.config()).istio.env.VALUE, value);
    }
  });

  const refused: [string[], RegExp][] = [
    [['set', 'node-ip', '10.0.0.300'], /nodeIp must be an IPv4 or IPv6 address/],
    [['set', 'poll.schedule', 'hourly'], /poll\.schedule is not a cron expression/],
    [['set', 'istio.allow', 'newest'], /istio\.allow is not a range/],
    [['set', 'istio.startWhenStopped', 'allways'], /did you mean "always"\?/],
    [['set', 'hold', '"yes"'], /hold must be true or false/],
    [['set', 'istio.env', '[1'], /cannot read the value of istio\.env as YAML/],
    [['set', 'workload-group', 'Mesh A', 'vms'], /must be a Kubernetes name/],
  ];
  for (const [args, why] of refused) {
    it(`refuses ${args.slice(1).join(' ')} and changes nothing`, async () => {
      await using terminal = await openTerminal();
      await terminal.writeConfig(COMMENTED);
      const ended = await terminal.type(args);
      assert.equal(ended.code, 1);
      assert.match(ended.stderr, why);
      assert.match(ended.stderr, /what to do: /);
      assert.equal(await terminal.config(), COMMENTED);
    });
  }

  const misused: [string[], RegExp][] = [
    [['set'], /an argument is missing/],
    [['set', 'hold'], /takes 1 value, not 0/],
    [['set', 'nodeip-address', '::1'], /cannot find the key/],
    [['set', 'control-plain', 'https://a'], /did you mean control-plane\?/],
    [['set', 'pol.schedule', 'x'], /did you mean poll\.schedule\?/],
    [['set', 'poll', '{}'], /name one of poll\.schedule, poll\.jitterSeconds/],
    [['set', 'hold', 'true', '--force'], /option --force/],
    [['set', 'node-ip', '::1', '--ca-file', 'x'], /cannot use --ca-file with node-ip/],
  ];
  for (const [args, why] of misused) {
    it(`does not guess what ${args.join(' ')} means`, async () => {
      await using terminal = await openTerminal();
      const ended = await terminal.type(args);
      assert.equal(ended.code, 64);
      assert.match(ended.stderr, why);
    });
  }

  it('does not touch a file that it cannot read as YAML', async () => {
    await using terminal = await openTerminal();
    await terminal.writeConfig('hold: "open\n');
    const ended = await terminal.type(['set', 'hold', 'true']);
    assert.equal(ended.code, 78);
    assert.equal(await terminal.config(), 'hold: "open\n');
  });

  it('blames the file and not the value when another key was wrong before', async () => {
    await using terminal = await openTerminal();
    await terminal.writeConfig('holds: true\n');
    const ended = await terminal.type(['set', 'log.level', 'debug']);
    assert.equal(ended.code, 78);
    assert.match(ended.stderr, /agent\.yaml:1:1: unknown key "holds": did you mean "hold"\? \(SMM104\)/);
    assert.equal(await terminal.config(), 'holds: true\n');
  });

  it('corrects a key that was wrong before', async () => {
    await using terminal = await openTerminal();
    await terminal.writeConfig('hold: maybe\n');
    assert.equal((await terminal.type(['set', 'hold', 'true'])).code, 0);
    assert.equal(await terminal.config(), 'hold: true\n');
  });

  it('says when an alias would make another key change too', async () => {
    await using terminal = await openTerminal();
    const text = 'istio:\n  env: &all { A: "1" }\n  mesh: *all\n';
    await terminal.writeConfig(text);
    const ended = await terminal.type(['set', 'istio.mesh.B', '2']);
    assert.match(ended.stderr, /SMM612/);
    assert.equal(await terminal.config(), text);
  });

  it('does not wait for a user who holds a lock on a file or folder that all users can read', async () => {
    await using terminal = await openTerminal();
    const { config, root } = terminal.paths;
    await terminal.writeConfig(COMMENTED);
    const holders = [dirname(config), config, root].map((path) =>
      spawn('flock', [path, 'sh', '-c', 'echo held; exec cat'], { stdio: ['pipe', 'pipe', 'inherit'] }),
    );
    await Promise.all(holders.map(({ stdout }) => once(stdout, 'data')));
    try {
      assert.equal((await terminal.type(['set', 'hold', 'true'])).code, 0);
      assert.equal(await terminal.modeOf(terminal.paths.configLock), 0o600);
    } finally {
      for (const { stdin } of holders) stdin.end();
      await Promise.all(holders.map((holder) => once(holder, 'close')));
    }
  });

  it('loses no edit when many are made at once', async () => {
    await using terminal = await openTerminal();
    await terminal.writeConfig(COMMENTED);
    const names = Array.from({ length: 12 }, (_, index) => `V${index}`);
    const ended = await Promise.all(names.map((name) => terminal.type(['set', `istio.env.${name}`, name])));
    assert.deepEqual(new Set(ended.map(({ code }) => code)), new Set([0]));
    assert.deepEqual(parse(await terminal.config()).istio.env, Object.fromEntries(names.map((name) => [name, name])));
    assert.deepEqual(await readdir(dirname(terminal.paths.config)), ['agent.yaml']);
  });

  it('stores every value so that exactly the same value is read back', async () => {
    await using terminal = await openTerminal();
    await terminal.writeConfig(COMMENTED);
    const line = fc
      .string({ unit: 'grapheme', maxLength: 30 })
      .filter((text) => !/\p{Cc}|\p{Cs}/u.test(text) && !text.startsWith('-'));
    await fc.assert(
      fc.asyncProperty(line, async (value) => {
        const ended = await terminal.type(['set', 'istio.env.ANY', value]);
        assert.equal(ended.code, 0, ended.stderr);
        const loaded = await loadConfig(terminal.paths);
        assert.equal(loaded.state === 'configured' && loaded.config.istio.env.ANY, value);
      }),
      { numRuns: 50 },
    );
  });
});

describe('smm-agent set bearer-token', () => {
  const TOKEN = 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.c2lnbmF0dXJl';

  it('stores standard input with mode 0600, without its line end, and never prints it', async () => {
    await using terminal = await openTerminal();
    const ended = await terminal.type(['set', 'bearer-token', '-'], `${TOKEN}\n`);
    const file = join(terminal.paths.credentials, 'token');
    assert.equal(ended.code, 0, ended.stderr);
    assert.equal(await readFile(file, 'utf8'), TOKEN);
    assert.equal(await terminal.modeOf(file), 0o600);
    assert.equal(await terminal.modeOf(terminal.paths.credentials), 0o700);
    assert.doesNotMatch(ended.stdout + ended.stderr, /eyJ/);
    assert.equal(ended.stderr, '');
  });

  it('stores the token in the file that the configuration names', async () => {
    await using terminal = await openTerminal();
    await terminal.writeConfig(`${COMMENTED}`.replace('6443', '6443\n  tokenFile: /etc/smm/other'));
    await terminal.type(['set', 'bearer-token', TOKEN]);
    assert.equal(await readFile(join(terminal.paths.root, 'etc/smm/other'), 'utf8'), TOKEN);
  });

  for (const [what, input] of [
    ['nothing', '\n'],
    ['two lines', 'abc\ndef'],
    ['too much', 'a'.repeat(70_000)],
  ] as const) {
    it(`refuses ${what}`, async () => {
      await using terminal = await openTerminal();
      const ended = await terminal.type(['set', 'bearer-token', '-'], input);
      assert.equal(ended.code, 1);
      assert.match(ended.stderr, /SMM613/);
      assert.doesNotMatch(ended.stderr, /abc/);
    });
  }

  it('warns of a text that is not a JSON Web Token, and of a token that has expired', () => {
    const expired = `e30.${Buffer.from('{"exp":1000}').toString('base64url')}.x`;
    assert.equal(doubtAbout(TOKEN, new Date()), null);
    assert.match(doubtAbout('secret', new Date()) ?? '', /does not look like/);
    assert.equal(doubtAbout(expired, new Date(2_000_000)), 'the token expired at 1970-01-01T00:16:40.000Z');
    assert.equal(doubtAbout(expired, new Date(0)), null);
  });
});

describe('wrong arguments of smm-agent set', () => {
  for (const [args, sentence] of [
    [['workload-group', 'mesh-a'], /cannot set workload-group: it takes 2 values, not 1/],
    [['node-ip'], /cannot set node-ip: it takes 1 value, not 0/],
    [['hold', 'true', 'false'], /cannot set hold: it takes 1 value, not 2/],
    [['bearer-token', '--default'], /cannot use --default with bearer-token/],
    [['nodeip', '10.0.0.2'], /cannot find the key nodeip \(did you mean (node-ip|nodeIp)\?\)/],
    [['hold', 'true', '--ca-file', 'ca.pem'], /cannot use --ca-file with hold/],
  ] as const) {
    it(`are named, and nothing is written: ${args.join(' ')}`, async () => {
      await using terminal = await openTerminal();
      const { code, stderr } = await terminal.type(['set', ...args]);
      assert.equal(code, 64);
      assert.match(stderr, sentence);
      assert.match(stderr, /what to do: smm-agent help set shows what may follow/);
      await assert.rejects(terminal.config(), { code: 'ENOENT' });
    });
  }

  it('do not include node-ip --default, which is allowed for any key', async () => {
    await using terminal = await openTerminal();
    assert.equal((await terminal.type(['set', 'node-ip', '10.0.0.2'])).code, 0);
    assert.equal((await terminal.type(['set', 'node-ip', '--default'])).code, 0);
    assert.doesNotMatch(await terminal.config(), /nodeIp/);
  });

  it('say what else is wrong, also with a file beside agent.yaml', async () => {
    await using terminal = await openTerminal();
    await writeFile(join(terminal.paths.root, 'etc/smm/agent.yml'), '');
    const { code, stdout } = await terminal.type(['hold']);
    assert.equal(code, 0);
    assert.match(stdout, /^before the agent can work: .*agent\.yml: this file would be ignored: move/m);
  });
});

describe('smm-agent set control-plane', () => {
  it('copies the authorities, so that the original may be deleted', async () => {
    await using terminal = await openTerminal();
    const pem = await authorities(terminal.paths.root);
    const ended = await terminal.type(['set', 'control-plane', 'https://10.0.0.1:6443', '--ca-file', pem]);
    assert.equal(ended.code, 0, ended.stderr);
    const copy = join(terminal.paths.credentials, 'ca.crt');
    assert.equal(await readFile(copy, 'utf8'), await readFile(pem, 'utf8'));
    assert.match(ended.stdout, /^stored the authorities in .*ca\.crt\nchanged controlPlane\.server in /);
    assert.equal(await terminal.modeOf(copy), 0o600);
    const again = await terminal.type(['set', 'control-plane', 'https://10.0.0.2:6443']);
    assert.equal(again.code, 0, again.stderr);
    assert.deepEqual(parse(await terminal.config()), { controlPlane: { server: 'https://10.0.0.2:6443' } });
  });

  it('refuses a file without certificates, and a URL that is not https, and then copies nothing', async () => {
    await using terminal = await openTerminal();
    const pem = await authorities(terminal.paths.root);
    const file = join(terminal.paths.root, 'other.pem');
    for (const [content, url, why] of [
      ['no PEM', 'https://a', /no certificate in PEM form/],
      [
        generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }),
        'https://a',
        /holds a private key/,
      ],
      ['-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n', 'https://a', /certificate 1 cannot be read/],
      [await readFile(pem, 'utf8'), 'http://a', /must be a URL that begins with https/],
    ] as const) {
      await writeFile(file, content);
      const ended = await terminal.type(['set', 'control-plane', url, '--ca-file', file]);
      assert.equal(ended.code, 1);
      assert.match(ended.stderr, why);
    }
    const missing = await terminal.type(['set', 'control-plane', 'https://a', '--ca-file', '/nowhere']);
    assert.match(missing.stderr, /it cannot be read/);
    const none = await terminal.type(['set', 'control-plane', 'https://a']);
    assert.match(
      none.stderr,
      /without the authorities that sign its certificate.*\n {2}what to do: add --ca-file <file>/,
    );
    assert.deepEqual(await readdir(dirname(terminal.paths.config)), []);
  });
});

describe('smm-agent hold and unhold', () => {
  it('are set hold true and false, and say when nothing changed', async () => {
    await using terminal = await openTerminal();
    await terminal.writeConfig(COMMENTED);
    assert.match((await terminal.type(['hold'])).stdout, /is held now/);
    assert.equal(parse(await terminal.config()).hold, true);
    assert.match((await terminal.type(['hold'])).stdout, /was held already/);
    assert.match((await terminal.type(['unhold'])).stdout, /is not held now/);
    assert.equal(parse(await terminal.config()).hold, false);
    assert.equal((await terminal.type(['hold', 'now'])).code, 64);
  });

  it('do not write to a file that other users may write', async () => {
    await using terminal = await openTerminal();
    await terminal.writeConfig(COMMENTED);
    await chmod(terminal.paths.config, 0o666);
    assert.equal((await terminal.type(['unhold'])).code, 78);
    assert.equal(await terminal.config(), COMMENTED);
  });

  it('say until when the token is valid, and warn if it belongs to another group than agent.yaml names', async () => {
    await using terminal = await openTerminal();
    const claims = { sub: 'system:serviceaccount:vm-apps:smm-agent-reviews', exp: 4_000_000_000 };
    const token = ['{}', JSON.stringify(claims), 's'].map((part) => Buffer.from(part).toString('base64url')).join('.');
    await terminal.writeConfig(COMMENTED);
    await terminal.type(['set', 'workload-group', 'vm-app', 'review']);
    const stored = await terminal.type(['set', 'bearer-token', '-'], token);
    assert.match(stored.stdout, /, valid until 2096-10-02T07:06:40\.000Z$/m);
    const other = /this token is for group vm-apps\/reviews, but agent\.yaml names vm-app\/review$/m;
    assert.match(stored.stderr, other);
    assert.match((await terminal.type(['set', 'workload-group', 'vm-app', 'review'])).stderr, other);
    assert.equal((await terminal.type(['set', 'workload-group', 'vm-apps', 'reviews'])).stderr, '');
  });

  it('say that a key is not in the file, if it is to be removed', async () => {
    await using terminal = await openTerminal();
    await terminal.writeConfig(COMMENTED);
    const { code, stdout } = await terminal.type(['set', 'istio.env.TYPO', '--default']);
    assert.deepEqual([code, stdout], [0, `unchanged: istio.env.TYPO is not in ${terminal.paths.config}\n`]);
    await terminal.type(['set', 'istio.env.ISTIO_META_ZONE', 'b']);
    const slip = await terminal.type(['set', 'istio.env.ISTIO_META_ZON', '--default']);
    assert.match(slip.stdout, /is not in \S+ \(did you mean istio\.env\.ISTIO_META_ZONE\?\)\n/);
  });

  it('hold a machine even if its agent.yaml cannot be edited, and name the file that says so', async () => {
    await using terminal = await openTerminal();
    const { paths } = terminal;
    await terminal.writeConfig(`${COMMENTED}holds: true\n`);
    const { code, stdout, stderr } = await terminal.type(['hold']);
    assert.equal(code, 0);
    assert.match(
      stdout,
      /^this machine is held now, until smm-agent unhold: written to \S+\/var\/lib\/smm-agent\/hold$/m,
    );
    assert.match(stderr, /unknown key "holds"/);
    assert.equal(await isEmergencyHeld(paths), true);
    await terminal.writeConfig(COMMENTED);
    assert.equal((await configHere(paths)).hold, true);
    assert.equal((await terminal.type(['unhold'])).code, 0);
    assert.equal((await configHere(paths)).hold, false);
  });
});
