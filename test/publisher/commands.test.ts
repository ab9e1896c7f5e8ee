/** `npm run repository -- <command>` as a publisher types it. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { commands } from '../../publisher/commands/commands.ts';
import { dispatch } from '../../publisher/commands/dispatch.ts';
import { packageJson, projectRoot } from '../../scripts/project.ts';
import { buildIstioPackage, HOST_ARCHITECTURE } from '../sandbox/istio-package.ts';
import { Fixture } from './fixture.ts';

interface Said {
  status: number;
  stdout: string;
  stderr: string;
}

/** Runs a command in the fixture's folder. */
async function run(fixture: Fixture, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Said> {
  const said = { stdout: '', stderr: '' };
  const output = (name: 'stdout' | 'stderr') => ({
    write: (text: string) => {
      said[name] += text;
    },
  });
  const status = await dispatch(args, { stdout: output('stdout'), stderr: output('stderr'), env, cwd: fixture.at() });
  return { status, ...said };
}

async function must(fixture: Fixture, ...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await run(fixture, args);
  assert.equal(status, 0, stderr);
  return stdout;
}

const INIT = ['init', 'repository', '--keys', 'keys'];

describe('the commands of the publisher', () => {
  it('create a repository, add a release, announce it, verify, refresh and withdraw', async () => {
    await using fixture = await Fixture.make();
    await fixture.agentArchive('1.0.0');
    for (const architecture of ['amd64', 'arm64'] as const) await fixture.runtimeArchive(architecture);
    await must(fixture, ...INIT);
    const files = ['build/1.0.0/smm-agent-1.0.0.tar.zst', 'build/node-24.0.0-amd64.tar.zst'];
    assert.match(
      await must(fixture, 'add', 'repository', '--keys', 'keys', ...files),
      /^added agent\/smm-agent-1.0.0.tar.zst, 0.0 MB\nadded runtime\/node-24.0.0-amd64.tar.zst/,
    );
    const announce = ['announce', '1.0.0', '--from', 'repository', '--repository', 'https://downloads.example/smm'];
    const early = await run(fixture, announce);
    assert.equal(early.status, 1);
    assert.match(early.stderr, /cannot announce it: .* does not publish runtime\/node-24.0.0-arm64.tar.zst/);
    assert.match(early.stderr, /for a fleet without arm64 say --arch amd64/);
    await must(fixture, ...announce, '--arch', 'amd64');
    await must(fixture, 'add', 'repository', '--keys', 'keys', 'build/node-24.0.0-arm64.tar.zst');
    assert.deepEqual(parse(await must(fixture, ...announce)).data, {
      agentVersion: '1.0.0',
      repository: 'https://downloads.example/smm',
      hold: 'false',
    });
    assert.match(await must(fixture, 'verify', 'repository'), /nothing is wrong\n$/);
    assert.equal(await must(fixture, 'refresh', 'repository', '--keys', 'keys'), 'signed timestamp\n');
    const path = 'agent/smm-agent-1.0.0.tar.zst';
    assert.equal(await must(fixture, 'withdraw', 'repository', '--keys', 'keys', path), `withdrew ${path}\n`);
    assert.match(await must(fixture, 'withdraw', 'repository', '--keys', 'keys', path), /was withdrawn already/);
  });

  it('make keys that only their owner can read, with any umask, and a folder for the keys of root', async () => {
    await using fixture = await Fixture.make();
    const umask = process.umask(0);
    try {
      await must(fixture, ...INIT, '--targets-keys', '2');
    } finally {
      process.umask(umask);
    }
    const keys = ['root/root-1', 'root/root-2', 'root/root-3', 'targets-1', 'targets-2', 'snapshot-1', 'timestamp-1'];
    for (const name of keys) assert.equal((await stat(join(fixture.keys, `${name}.pem`))).mode & 0o777, 0o600, name);
    for (const folder of ['', 'root']) assert.equal((await stat(join(fixture.keys, folder))).mode & 0o777, 0o700);
    assert.equal((await readdir(fixture.keys)).length, 5);
    assert.equal((await stat(join(fixture.folder, 'metadata/1.root.json'))).mode & 0o777, 0o644);
  });

  it('let two of three key holders sign a new root, each with a folder of their own', async () => {
    await using fixture = await Fixture.make();
    await must(fixture, ...INIT);
    for (const [index, name] of ['ann', 'bob'].entries()) {
      await mkdir(fixture.at(name));
      await rename(join(fixture.keys, `root/root-${index + 1}.pem`), fixture.at(name, 'root.pem'));
    }
    await rm(join(fixture.keys, 'root'), { recursive: true });
    const draft = 'repository/drafts/2.root.json';
    assert.match(
      await must(fixture, 'renew-root', 'repository', '--keys', 'keys'),
      /is not published yet: the draft .*2.root.json waits for signatures/,
    );
    assert.match(await must(fixture, 'sign', draft), /it asks for 2 signatures and has 0: 2 more of/);
    assert.match(await must(fixture, 'sign', draft, '--keys', 'ann'), /1 more of/);
    const early = await run(fixture, ['publish-root', 'repository', '--keys', 'keys', draft]);
    assert.equal(early.status, 1);
    assert.match(early.stderr, /cannot publish root 2: it asks for 2 signatures and has 1/);
    assert.match(await must(fixture, 'sign', draft, '--keys', 'bob'), /enough keys have signed/);
    assert.equal(await must(fixture, 'publish-root', 'repository', '--keys', 'keys', draft), 'published root 2\n');
    await must(fixture, 'verify', 'repository', '--root', 'repository/metadata/1.root.json');
  });

  it('end with 1 when a key is missing or verify finds a problem', async () => {
    await using fixture = await Fixture.make();
    await must(fixture, ...INIT, '--expires-targets', '10d');
    await rm(join(fixture.keys, 'targets-1.pem'));
    const refreshed = await run(fixture, ['refresh', 'repository', '--keys', 'keys']);
    assert.equal(refreshed.status, 1);
    assert.equal(refreshed.stdout, 'signed timestamp\n', 'the timestamp is signed, since its key is there');
    assert.match(refreshed.stderr, /targets expires at .*, and its keys are not at hand\n {2}what to do: /);
    await rm(join(fixture.folder, 'metadata/timestamp.json'));
    const verified = await run(fixture, ['verify', 'repository']);
    assert.equal(verified.status, 1);
    assert.match(verified.stdout, /problem: .*timestamp.json: it is not there\n1 problem\n$/);
  });

  it('refuse unknown commands, options and arguments, and suggest the right one', async () => {
    await using fixture = await Fixture.make();
    const cases: [args: string[], sentence: RegExp][] = [
      [['initt'], /cannot find the command initt \(did you mean init\?\)/],
      [['init', 'repository', '--kyes', 'keys'], /cannot understand the option --kyes \(did you mean --keys\?\)/],
      [['init', 'repository'], /cannot run init without --keys/],
      [['init', '--keys', 'keys'], /an argument is missing/],
      [['verify', 'a', 'b'], /"b" is one argument too many/],
      [['add', 'repository', '--keys', 'keys', 'a', 'b', '--as', 'c'], /several files under one path/],
      [['rotate', 'repository', '--keys', 'keys'], /without --role/],
      [['rotate', 'repository', '--keys', 'keys', '--role', 'timestap'], /did you mean timestamp\?/],
    ];
    for (const [args, sentence] of cases) {
      const { status, stderr } = await run(fixture, args);
      assert.equal(status, 64, stderr);
      assert.match(stderr, sentence);
      assert.match(stderr, /^repository: cannot .*\n {2}what to do: .*npm run repository -- /);
    }
    assert.deepEqual(await readdir(fixture.at()), [], 'nothing was done');
  });

  it('have a help text with every option', async () => {
    await using fixture = await Fixture.make();
    const overview = await must(fixture, 'help');
    for (const [name, load] of Object.entries(commands)) {
      const { spec } = await load();
      assert.equal(spec.name, name);
      assert.match(overview, new RegExp(`^ {2}${name} `, 'm'));
      const help = await must(fixture, 'help', name);
      assert.match(help, new RegExp(`^Usage: npm run repository -- ${name} `));
      for (const option of Object.keys(spec.options)) assert.match(help, new RegExp(`--${option}\\b`));
      assert.equal(await must(fixture, name, '--help'), help);
    }
  });
});

describe('an announcement', () => {
  it('is a ConfigMap for the given revision', async () => {
    await using fixture = await Fixture.make();
    const args = ['announce', '1.2.0', '--revision', 'canary', '--namespace', 'mesh', '--min', '1.1.0', '--hold'];
    assert.deepEqual(parse(await must(fixture, ...args)), {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'smm-agent-canary', namespace: 'mesh' },
      data: { agentVersion: '1.2.0', minAgentVersion: '1.1.0', hold: 'true' },
    });
  });

  it('is refused if agents would refuse its values', async () => {
    await using fixture = await Fixture.make();
    const cases: [args: string[], sentence: RegExp][] = [
      [['v1.2.0'], /cannot use "v1.2.0" as the version\n.*write 1.2.0/],
      [['latest'], /cannot use "latest" as the version/],
      [['1.0.0', '--min', '1.1.0'], /cannot ask for at least 1.1.0 and announce 1.0.0/],
      [['1.0.0', '--repository', 'http://downloads.example'], /agents take https/],
      [['1.0.0', '--repository', 'https://me:secret@downloads.example'], /agents take https/],
      [['1.0.0', '--revision', 'Canary'], /cannot use "Canary" as a name/],
    ];
    for (const [args, sentence] of cases) {
      const { status, stderr, stdout } = await run(fixture, ['announce', ...args]);
      assert.deepEqual([status, stdout], [1, '']);
      assert.match(stderr, sentence);
      assert.doesNotMatch(stderr, /secret/);
    }
  });

  it('is applied with kubectl in the environment of the caller', async () => {
    await using fixture = await Fixture.make();
    await mkdir(fixture.at('bin'));
    const kubectl = fixture.at('bin/kubectl');
    await writeFile(
      kubectl,
      `#!/bin/sh\necho "$KUBECONFIG $*" >"${fixture.at('called')}"\ncat >"${fixture.at('given')}"\n`,
    );
    await chmod(kubectl, 0o755);
    const env = { PATH: `${fixture.at('bin')}:${process.env.PATH}`, KUBECONFIG: 'mine' };
    const printed = await must(fixture, 'announce', '1.0.0');
    assert.equal((await run(fixture, ['announce', '1.0.0', '--apply'], env)).status, 0);
    assert.equal(await readFile(fixture.at('called'), 'utf8'), 'mine apply -f -\n');
    assert.equal(await readFile(fixture.at('given'), 'utf8'), printed);
    await writeFile(kubectl, '#!/bin/sh\necho "no such cluster" >&2\nexit 1\n');
    const { status, stderr } = await run(fixture, ['announce', '1.0.0', '--apply'], env);
    assert.equal(status, 1);
    assert.match(stderr, /cannot apply it: no such cluster/);
  });

  it('pins packages of Istio from a deb or from a list of digests', async () => {
    await using fixture = await Fixture.make();
    const deb = fixture.at('official.deb');
    await buildIstioPackage(deb, { version: '1.31.1' });
    const sha256 = createHash('sha256')
      .update(await readFile(deb))
      .digest('hex');
    const list = `1.31.0 arm64 ${'ab'.repeat(32)}\n`;
    await writeFile(fixture.at('before'), `# last month\n${list}`);
    const announce = ['announce', '1.2.0', '--istio', 'before', '--istio', 'official.deb'];
    const { istioDigests } = parse(await must(fixture, ...announce)).data;
    assert.equal(istioDigests, `${list}1.31.1 ${HOST_ARCHITECTURE} ${sha256}\n`);
    await writeFile(fixture.at('other'), `1.31.1 ${HOST_ARCHITECTURE} ${'cd'.repeat(32)}\n`);
    const { status, stderr } = await run(fixture, [...announce, '--istio', 'other']);
    assert.deepEqual([status, /cannot pin 1\.31\.1 \w+ twice/.test(stderr)], [1, true], stderr);
  });

  it('keeps the pinned packages of the ConfigMap, and removes them with --unpin', async () => {
    await using fixture = await Fixture.make();
    await mkdir(fixture.at('bin'));
    const pins = `1.31.1 amd64 ${'ab'.repeat(32)}\n`;
    await writeFile(fixture.at('pins'), pins);
    const script = `case $1 in get) cat "${fixture.at('pins')}"; echo "$*" >"${fixture.at('asked')}" ;; *) cat >"${fixture.at('given')}" ;; esac`;
    await writeFile(fixture.at('bin/kubectl'), `#!/bin/sh\n${script}\n`);
    await chmod(fixture.at('bin/kubectl'), 0o755);
    const env = { PATH: `${fixture.at('bin')}:${process.env.PATH}` };
    const given = async () => parse(await readFile(fixture.at('given'), 'utf8')).data.istioDigests;
    const announce = ['announce', '1.0.0', '--revision', 'canary', '--hold', '--apply'];
    assert.equal((await run(fixture, announce, env)).status, 0);
    assert.equal(await given(), pins);
    assert.match(
      await readFile(fixture.at('asked'), 'utf8'),
      /^get configmap smm-agent-canary --namespace istio-system /,
    );
    assert.equal((await run(fixture, [...announce, '--unpin'], env)).status, 0);
    assert.equal(await given(), undefined);
    await writeFile(fixture.at('pins'), 'damaged\n');
    assert.match((await run(fixture, announce, env)).stderr, /cannot keep istioDigests of ConfigMap smm-agent-canary/);
  });

  it('is the same as the manifest in packaging/kubernetes, which announces the version of this project', async () => {
    await using fixture = await Fixture.make();
    const { version } = packageJson();
    const manifest = await readFile(join(projectRoot, 'packaging/kubernetes/agent-version.yaml'), 'utf8');
    const announced = await must(fixture, 'announce', version, '--repository', 'https://downloads.example/smm');
    assert.deepEqual(parse(manifest), parse(announced));
    assert.match(manifest, /# minAgentVersion: /);
    assert.match(manifest, /smm-agent-<revision>/);
  });
});
