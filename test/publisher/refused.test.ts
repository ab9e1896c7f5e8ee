/** What the publisher refuses, with the sentence that says why and what to do. */
import assert from 'node:assert/strict';
import { cp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { zstdCompressSync } from 'node:zlib';
import { PublishError } from '../../publisher/errors.ts';
import { addTargets } from '../../publisher/operations/add.ts';
import { createRepository } from '../../publisher/operations/create.ts';
import { refreshRepository } from '../../publisher/operations/refresh.ts';
import { rotateKeys } from '../../publisher/operations/rotate.ts';
import { verifyRepository } from '../../publisher/operations/verify.ts';
import { withdrawTargets } from '../../publisher/operations/withdraw.ts';
import type { NewTarget } from '../../publisher/targets/new-target.ts';
import { must } from '../packaging/machine.ts';
import { buildIstioPackage } from '../sandbox/istio-package.ts';
import { Fixture } from './fixture.ts';

/** Asserts that the work is refused with this sentence, in the form of all errors. */
async function refused(work: Promise<unknown>, sentence: RegExp, remedy?: RegExp): Promise<void> {
  await assert.rejects(work, (error: unknown) => {
    assert.ok(error instanceof PublishError, String(error));
    assert.match(error.message, sentence);
    assert.match(error.message, /^cannot /);
    if (remedy !== undefined) assert.match(error.remedy, remedy);
    return true;
  });
}

/** Asserts that the file is refused, and the repository stays unchanged. */
async function refusedFile(fixture: Fixture, target: NewTarget, sentence: RegExp, remedy?: RegExp): Promise<void> {
  const before = await readFile(join(fixture.folder, 'metadata/timestamp.json'));
  await refused(addTargets(fixture.publisher(), [target]), sentence, remedy);
  assert.deepEqual(await readFile(join(fixture.folder, 'metadata/timestamp.json')), before);
}

/** An archive of the folder that the shell command of `change` makes. */
async function changedArchive(fixture: Fixture, change: (tree: string) => string): Promise<string> {
  const name = 'smm-agent-1.0.0.tar.zst';
  const tree = fixture.at('tree');
  must('sh', ['-ec', `rm -rf "$1" && mkdir "$1" && ${change('"$1"')}`, 'sh', tree]);
  must('tar', ['--format=ustar', '-C', tree, '-cf', fixture.at('changed.tar'), ...(await readdir(tree))]);
  await writeFile(fixture.at(name), zstdCompressSync(await readFile(fixture.at('changed.tar'))));
  return fixture.at(name);
}

describe('an agent archive', () => {
  it('must contain the version of its file name and of its target path', async () => {
    await using fixture = await Fixture.withRepository();
    const archive = await fixture.agentArchive('1.0.0');
    await cp(archive, fixture.at('smm-agent-1.0.1.tar.zst'));
    const file = fixture.at('smm-agent-1.0.1.tar.zst');
    await refusedFile(
      fixture,
      { file },
      /smm-agent-1.0.1.tar.zst: it is version 1.0.0, but would be published as 1.0.1/,
    );
    await refusedFile(fixture, { file: archive, path: 'agent/smm-agent-2.0.0.tar.zst' }, /would be published as 2.0.0/);
  });

  it('must contain exactly the files of its release.json', async () => {
    await using fixture = await Fixture.withRepository();
    const sum = '{"sha256":"98ea6e4f216f2fb4b69fff9b3a44842c38686ca685f3f55dc48c5d3fb1107be4","size":3,"mode":420}';
    const manifest = (files: string) => `echo '{"format":1,"version":"1.0.0","runtime":"24.0.0","files":{${files}}}'`;
    const both = manifest(`"smm-agent.js":${sum},"flags":${sum}`);
    const cases: [change: (tree: string) => string, sentence: RegExp][] = [
      [(tree) => `echo hi >${tree}/flags`, /it has no release.json/],
      [(tree) => `echo nonsense >${tree}/release.json`, /its release.json cannot be used/],
      [(tree) => `${manifest('')} >${tree}/release.json`, /its release.json does not name smm-agent.js/],
      [(tree) => `${both} >${tree}/release.json; echo hi >${tree}/smm-agent.js`, /flags is missing/],
      [
        (tree) => `${both} >${tree}/release.json; echo hi >${tree}/smm-agent.js; echo ho >${tree}/flags`,
        /flags is not what its release.json says/,
      ],
      [
        (tree) => `${both} >${tree}/release.json; cd ${tree}; echo hi | tee smm-agent.js flags >more`,
        /release.json does not name more/,
      ],
      [(tree) => `ln -s /etc/passwd ${tree}/flags`, /flags is a link/],
    ];
    for (const [change, sentence] of cases) {
      await refusedFile(fixture, { file: await changedArchive(fixture, change) }, sentence, /npm run package/);
    }
    const right = (tree: string) => `${both} >${tree}/release.json; cd ${tree}; echo hi | tee smm-agent.js >flags`;
    await addTargets(fixture.publisher(), [{ file: await changedArchive(fixture, right) }]);
  });

  it('must be a complete archive', async () => {
    await using fixture = await Fixture.withRepository();
    const file = fixture.at('smm-agent-1.0.0.tar.zst');
    await writeFile(file, 'no archive');
    await refusedFile(fixture, { file }, /it cannot be unpacked/);
    const whole = await readFile(await fixture.agentArchive('1.0.0'));
    await writeFile(file, whole.subarray(0, whole.length - 20));
    await refusedFile(fixture, { file }, /it cannot be unpacked/);
  });
});

describe('a runtime', () => {
  it('must be for the architecture of its file name', async () => {
    await using fixture = await Fixture.withRepository();
    const arm64 = Buffer.alloc(64);
    arm64.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
    arm64.writeUInt16LE(183, 18);
    await refusedFile(
      fixture,
      { file: await fixture.runtimeArchive('amd64', arm64) },
      /its node is for arm64, but would be published for amd64/,
    );
    await addTargets(fixture.publisher(), [{ file: await fixture.runtimeArchive('arm64', arm64) }]);
  });
});

describe('an Istio package', () => {
  it('gets its target path from its version and architecture, also for a prerelease', async () => {
    await using fixture = await Fixture.withRepository();
    const [release, prerelease] = [fixture.at('istio-sidecar.deb'), fixture.at('istio-sidecar-arm64.deb')];
    await buildIstioPackage(release, { version: '1.31.0', architecture: 'amd64' });
    await buildIstioPackage(prerelease, { version: '1.31.0-rc.0', architecture: 'arm64' });
    const { added } = await addTargets(fixture.publisher(), [{ file: release }, { file: prerelease }]);
    assert.deepEqual(
      added.map(({ path }) => path),
      ['istio/1.31.0/istio-sidecar-amd64.deb', 'istio/1.31.0-rc.0/istio-sidecar-arm64.deb'],
    );
  });

  it("gets its target path from a distributor's version too", async () => {
    await using fixture = await Fixture.withRepository();
    const files = ['1.31.1-tetrate-v0', '1.31.1+build.5'].map((version) => ({
      version,
      file: fixture.at(`${version}.deb`),
    }));
    for (const { version, file } of files) await buildIstioPackage(file, { version, architecture: 'amd64' });
    const { added } = await addTargets(fixture.publisher(), files);
    assert.deepEqual(
      added.map(({ path }) => path),
      files.map(({ version }) => `istio/${version}/istio-sidecar-amd64.deb`),
    );
  });

  it('must be istio-sidecar for a known architecture, with the version of its target path', async () => {
    await using fixture = await Fixture.withRepository();
    const file = fixture.at('some.deb');
    await buildIstioPackage(file, { version: '1.31.0', packageName: 'smm-agent', architecture: 'amd64' });
    await refusedFile(fixture, { file }, /some.deb: it is the package smm-agent/, /smm-agent-<version>.tar.zst/);
    await buildIstioPackage(file, { version: '1.31.0', architecture: 's390x' });
    await refusedFile(fixture, { file }, /it is for s390x/);
    await buildIstioPackage(file, { version: '1.31.0', architecture: 'amd64' });
    const path = 'istio/1.31.1/istio-sidecar-amd64.deb';
    await refusedFile(fixture, { file, path }, /as istio\/1.31.1\/.*: it is Istio 1.31.0 for amd64/);
  });
});

describe('a file', () => {
  it('needs a valid target path, given with --as if its name does not say it', async () => {
    await using fixture = await Fixture.withRepository();
    const { file } = await fixture.file('notes');
    await refusedFile(fixture, { file }, /cannot tell what notes.txt is/, /--as/);
    for (const path of ['../notes', '/notes', 'a//b', 'a/../b', '.hidden', 'a b', '']) {
      await refusedFile(fixture, { file, path }, /as the path of a target/);
    }
  });

  it('replaces a file with other bytes only with --replace', async () => {
    await using fixture = await Fixture.withRepository();
    await addTargets(fixture.publisher(), [{ file: await fixture.agentArchive('1.0.0') }]);
    const other = { file: await fixture.agentArchive('1.0.0', 'other') };
    await refusedFile(
      fixture,
      other,
      /agent\/smm-agent-1.0.0.tar.zst: it is published already, with other bytes/,
      /--replace/,
    );
    const { added } = await addTargets(fixture.publisher(), [other], { replace: true });
    assert.equal(added.length, 1);
  });

  it('cannot be withdrawn by a wrong path, and the right one is suggested', async () => {
    await using fixture = await Fixture.withRepository();
    await addTargets(fixture.publisher(), [{ file: await fixture.agentArchive('1.0.0') }]);
    const work = withdrawTargets(fixture.publisher(), ['agent/smm-agent-1.0.0.tar.bz']);
    await refused(work, /not in the repository \(did you mean agent\/smm-agent-1.0.0.tar.zst\?\)/);
  });
});

describe('a repository', () => {
  it('is not created twice, nor with the keys of another repository', async () => {
    await using fixture = await Fixture.withRepository();
    await refused(createRepository(fixture.publisher()), /there is one/);
    await refused(createRepository(fixture.publisher({ folder: fixture.at('other') })), /it has keys already/);
  });

  it('is not created with a threshold of 0 or above the number of keys, nor with an invalid lifetime', async () => {
    await using fixture = await Fixture.make();
    for (const threshold of [0, 4]) {
      const options = { keys: { root: { keys: 3, threshold } } };
      await refused(
        createRepository(fixture.publisher(), options),
        /cannot ask for \d signatures of root: it has 3 keys/,
      );
    }
    await refused(createRepository(fixture.publisher(), { expires: { root: 'a year' } }), /cannot use "a year"/, /90d/);
    assert.deepEqual(await readdir(fixture.at()), []);
  });

  it('is not signed when its targets were changed by another program', async () => {
    await using fixture = await Fixture.withRepository();
    await addTargets(fixture.publisher(), [await fixture.file('hello')]);
    const file = join(fixture.folder, 'metadata/2.targets.json');
    await writeFile(file, (await readFile(file, 'utf8')).replace('hello.txt', 'other.txt'));
    await refused(refreshRepository(fixture.publisher()), /cannot trust .*2.targets.json/, /verify/);
    await refused(addTargets(fixture.publisher(), [await fixture.file('world')]), /cannot trust/);
  });

  it('is not signed when the signature of its timestamp is invalid', async () => {
    await using fixture = await Fixture.withRepository();
    const file = join(fixture.folder, 'metadata/timestamp.json');
    await writeFile(file, (await readFile(file, 'utf8')).replace('"expires": "2', '"expires": "3'));
    await refused(
      refreshRepository(fixture.publisher()),
      /timestamp.json: too few of the keys that root 1 names have signed it/,
    );
  });

  it('is not signed when its first root is missing, which new clients need', async () => {
    await using fixture = await Fixture.withRepository();
    await rotateKeys(fixture.publisher(), { roles: ['timestamp'] });
    await rm(join(fixture.folder, 'metadata/1.root.json'));
    await refused(refreshRepository(fixture.publisher()), /1.root.json: it is not there/);
  });

  it('is not found in a folder without one', async () => {
    await using fixture = await Fixture.withRepository();
    const wrong = fixture.publisher({ folder: fixture.at('nowhere') });
    await refused(refreshRepository(wrong), /cannot find a repository in/, /init/);
  });
});

describe('keys', () => {
  it('are named by their ids when they are missing', async () => {
    await using fixture = await Fixture.withRepository();
    await rename(join(fixture.keys, 'targets-1.pem'), fixture.at('targets-1.pem'));
    const work = addTargets(fixture.publisher(), [await fixture.file('hello')]);
    await refused(
      work,
      /cannot sign targets: 1 of its keys must sign, and 0 of them are at hand/,
      /1 more of [0-9a-f]{12}$/,
    );
  });

  it('that are encrypted need the right passphrase', async () => {
    await using fixture = await Fixture.make();
    const publisher = fixture.publisher({ passphrase: 'open sesame' });
    await createRepository(publisher);
    const pem = await readFile(join(fixture.keys, 'root/root-1.pem'), 'utf8');
    assert.match(pem, /^-----BEGIN ENCRYPTED PRIVATE KEY-----/);
    await refreshRepository(publisher);
    await refused(refreshRepository(fixture.publisher()), /it is encrypted/, /SMM_REPOSITORY_PASSPHRASE/);
    const wrong = fixture.publisher({ passphrase: 'close sesame' });
    await refused(refreshRepository(wrong), /the passphrase does not open it/);
  });

  it('must be Ed25519 keys in PEM', async () => {
    await using fixture = await Fixture.withRepository();
    await writeFile(join(fixture.keys, 'timestamp-2.pem'), 'nonsense');
    await refused(refreshRepository(fixture.publisher()), /timestamp-2.pem: it holds no private key/);
    await rm(join(fixture.keys, 'timestamp-2.pem'));
    const file = fixture.at('rsa.pem');
    must('openssl', ['genpkey', '-algorithm', 'RSA', '-out', file]);
    await refused(
      rotateKeys(fixture.publisher(), { roles: ['root'], addPublic: [file] }),
      /it holds no public key/,
      /-pubout/,
    );
    must('openssl', ['pkey', '-in', file, '-pubout', '-out', `${file}.pub`]);
    const work = rotateKeys(fixture.publisher(), { roles: ['root'], addPublic: [`${file}.pub`] });
    await refused(work, /it is not an Ed25519 key/);
  });

  it('of root can be made by their owner, who gives only the public key to the publisher', async () => {
    await using fixture = await Fixture.withRepository();
    const file = fixture.at('ann.pem');
    must('openssl', ['genpkey', '-algorithm', 'ed25519', '-out', file]);
    must('openssl', ['pkey', '-in', file, '-pubout', '-out', `${file}.pub`]);
    const rotated = await rotateKeys(fixture.publisher(), { roles: ['root'], addPublic: [`${file}.pub`] });
    assert.deepEqual(rotated, { answer: 'published', version: 2, made: [] });
    const { roles, problems } = await verifyRepository(fixture.folder);
    assert.deepEqual([roles[0]?.keys, problems], [2, []]);
  });

  it('are removed only by the id of an existing key', async () => {
    await using fixture = await Fixture.withRepository();
    const remove = (id: string) => rotateKeys(fixture.publisher(), { roles: ['root'], remove: [id] });
    await refused(remove('abc'), /that is too short for an id/);
    await refused(remove('0123456789'), /root has no such key/, /it has [0-9a-f]{12}/);
    const work = rotateKeys(fixture.publisher(), { roles: ['root'], add: 0, threshold: 2 });
    await refused(work, /cannot ask for 2 signatures of root: it has 1 key/);
  });
});

describe('keys of several roles', () => {
  it('cannot be replaced together when keys or a threshold are chosen', async () => {
    await using fixture = await Fixture.withRepository();
    const work = rotateKeys(fixture.publisher(), { roles: ['targets', 'snapshot'], threshold: 1 });
    await refused(work, /cannot choose keys for targets and snapshot at once/);
  });
});

describe('a second draft', () => {
  it('is not made while another draft waits for signatures', async () => {
    await using fixture = await Fixture.withRepository();
    await rm(join(fixture.keys, 'root'), { recursive: true });
    await rotateKeys(fixture.publisher(), { roles: ['timestamp'] });
    const work = rotateKeys(fixture.publisher(), { roles: ['snapshot'] });
    await refused(work, /a draft of it waits for signatures/, /repository sign .*2.root.json/);
  });
});

describe('more files than an agent reads', () => {
  it('are refused before any of them is published', async () => {
    await using fixture = await Fixture.withRepository();
    const { file } = await fixture.file('many');
    const files = Array.from({ length: 2001 }, (_, index) => ({ file, path: `other/file-${index}.txt` }));
    await refused(addTargets(fixture.publisher(), files), /cannot publish 2001 files: .* at most 2000/, /withdraw/);
    assert.deepEqual((await verifyRepository(fixture.folder)).problems, []);
    await assert.rejects(readdir(join(fixture.folder, 'targets/other')), { code: 'ENOENT' });
  });
});
