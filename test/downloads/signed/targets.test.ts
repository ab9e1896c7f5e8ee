/**
 * Files of the repository: looked up by a name that leads nowhere else, and fetched as they are signed or not at all.
 */
import assert from 'node:assert/strict';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { newKey, sha256Of } from './publisher.ts';
import { type Answer, cutOff, dripping, endless, file, stalling, status, unannounced } from './repository-server.ts';
import { CONTENT, IMPATIENT, namesBelow, Scene, TARGET } from './scene.ts';

const NAME = 'smm-agent-1.2.3.tar.zst';
const PATH = `targets/agent/${sha256Of(CONTENT)}.${NAME}`;

describe('a file that is signed', () => {
  it('is described as it is signed', async () => {
    await using scene = await Scene.begin();
    scene.publisher.add(TARGET, CONTENT);
    scene.publisher.publish();
    assert.deepEqual(await scene.client().target(TARGET), {
      path: TARGET,
      url: `${scene.server.url}/${PATH}`,
      sha256: sha256Of(CONTENT),
      bytes: CONTENT.length,
      fileName: NAME,
    });
  });

  it('is fetched under the name of its content, once', async () => {
    await using scene = await Scene.known();
    const path = await scene.fetch();
    assert.ok(CONTENT.equals(await readFile(path)));
    assert.equal(await scene.fetch(), path);
    assert.deepEqual(
      scene.server.takeRequests().filter((asked) => asked.startsWith('targets/')),
      [PATH],
    );
    assert.deepEqual(await namesBelow(scene.downloads), [NAME]);
  });

  it('is looked for in roles that others let answer for it', async () => {
    await using scene = await Scene.known();
    const team = scene.publisher.delegate('team', 'team/*');
    team.add('team/a file', Buffer.from('of the team'));
    team.add('agent/not-theirs', Buffer.from('of the team'));
    team.publish();
    scene.publisher.publish();
    assert.equal(await readFile(await scene.fetch('team/a file'), 'utf8'), 'of the team');
    await assert.rejects(scene.client().target('agent/not-theirs'), { code: 'SMM458' });
    assert.equal((await scene.versions())['team.json'], 1);
    scene.server.takeRequests();
    await scene.client().target('team/a file');
    assert.deepEqual(scene.server.takeRequests(), ['metadata/2.root.json', 'metadata/timestamp.json']);
  });

  it('is looked for again by each question of a turn: the error of one is not the error of the next', async () => {
    await using scene = await Scene.known();
    scene.publisher.delegate('gone', 'gone/*').publish();
    scene.publisher.delegate('forged', 'forged/*', { signers: [newKey()] }).publish();
    scene.publisher.publish();
    scene.server.answers.set('metadata/1.gone.json', status(500));
    const client = scene.client();
    await assert.rejects(client.target('gone/file'), { code: 'SMM411' });
    await assert.rejects(client.target('forged/file'), { code: 'SMM455', message: /forged\.json is signed by 0 of 1/ });
    await client.target(TARGET);
  });

  it('of which only another digest than SHA-256 is known is not used', async () => {
    await using scene = await Scene.begin();
    for (const hashes of [{ sha512: '00' }, { sha256: 'not hex' }] as Record<string, string>[]) {
      scene.publisher.add(TARGET, CONTENT, { hashes });
      scene.publisher.publish();
      await assert.rejects(scene.client().target(TARGET), { code: 'SMM461', message: /without a SHA-256$/ });
    }
  });

  it('is not found when it is not there, nor by what every object of JavaScript has', async () => {
    await using scene = await Scene.begin();
    for (const path of ['agent/smm-agent-9.9.9.tar.zst', 'constructor', '__proto__', 'a file']) {
      const message = `cannot find ${path} in the repository ${scene.server.url}: no such file is signed there`;
      await assert.rejects(scene.client().target(path), { code: 'SMM458', message });
    }
  });

  for (const path of [
    '../root.json',
    'agent/../../metadata/timestamp.json',
    'agent/..',
    './agent',
    '/etc/passwd',
    'agent//x',
    'agent/',
    '',
    'agent\\x',
    'agent/x\0',
    'agent/x\n',
    'agent/x\u0085',
    'agent/\ud800',
    'agent/.hidden',
    'agent/x.part',
    'agent/x.part.json',
    `agent/${'x'.repeat(201)}`,
  ]) {
    it(`is not asked for as ${JSON.stringify(path.slice(0, 40))}`, async () => {
      await using scene = await Scene.begin();
      await assert.rejects(scene.client().target(path), { code: 'SMM457', message: /^cannot ask the repository for / });
      assert.deepEqual(scene.server.takeRequests(), []);
    });
  }
});

describe('a server that has another file than is signed', () => {
  const longer = Buffer.concat([CONTENT, Buffer.from('and more')]);
  const other = Buffer.alloc(CONTENT.length, 'x');
  const attacks: { what: string; answer: Answer; code: string; says: RegExp }[] = [
    {
      what: 'never ends',
      answer: endless,
      code: 'SMM459',
      says: /the server sends more than the 300000 bytes that are signed$/,
    },
    { what: 'announces more', answer: file(longer), code: 'SMM459', says: /more than the 300000 bytes/ },
    { what: 'sends more', answer: unannounced(longer), code: 'SMM459', says: /more than the 300000 bytes/ },
    {
      what: 'announces less',
      answer: file(CONTENT.subarray(1)),
      code: 'SMM459',
      says: /it has 299999 bytes, but 300000 are signed$/,
    },
    { what: 'sends less', answer: unannounced(CONTENT.subarray(1)), code: 'SMM459', says: /it has 299999 bytes/ },
    { what: 'sends nothing', answer: unannounced(Buffer.alloc(0)), code: 'SMM459', says: /it has 0 bytes/ },
    { what: 'sends other bytes', answer: file(other), code: 'SMM415', says: /its SHA-256 is [0-9a-f]{64}, wanted is/ },
    { what: 'has it no longer', answer: status(404), code: 'SMM410', says: /the server answers 404$/ },
    { what: 'fails', answer: status(500), code: 'SMM411', says: /the server answers 500$/ },
  ];
  for (const { what, answer, code, says } of attacks) {
    it(`and ${what} is refused, and nothing is kept (${code})`, async () => {
      await using scene = await Scene.known();
      scene.server.answers.set(PATH, answer);
      await assert.rejects(scene.fetch(), { code, message: says });
      assert.deepEqual(await namesBelow(scene.downloads), []);
      scene.server.answers.clear();
      await scene.fetch();
    });
  }

  it('is refused also where the publisher has signed a wrong length', async () => {
    for (const length of [CONTENT.length - 1, CONTENT.length + 1]) {
      await using scene = await Scene.begin();
      scene.publisher.add(TARGET, CONTENT, { length });
      scene.publisher.publish();
      for (const answer of [file(CONTENT), unannounced(CONTENT)]) {
        scene.server.answers.set(PATH, answer);
        await assert.rejects(scene.fetch(), { code: 'SMM459' });
        assert.deepEqual(await namesBelow(scene.downloads), []);
      }
    }
  });

  it('is refused before it is asked when more is signed than any file has', async () => {
    await using scene = await Scene.begin();
    scene.publisher.add(TARGET, CONTENT, { length: 1e12 });
    scene.publisher.publish();
    scene.server.answers.set(PATH, endless);
    await assert.rejects(scene.fetch(), {
      code: 'SMM416',
      message: /it is larger than 500 MB$/,
      remedy: /of the agent/,
    });
    assert.deepEqual(await namesBelow(scene.downloads), []);
  });

  for (const [what, answer] of Object.entries({ 'falls silent': stalling, 'sends a byte now and then': dripping })) {
    it(`and ${what} is not waited for (SMM414)`, async () => {
      await using scene = await Scene.known();
      scene.server.answers.set(PATH, answer);
      const client = scene.client({ limits: { download: IMPATIENT } });
      const target = await client.target(TARGET);
      await assert.rejects(client.fetch(target), { code: 'SMM414' });
      assert.ok(!(await namesBelow(scene.downloads)).includes(NAME));
    });
  }
});

describe('a download of the repository that breaks', () => {
  it('goes on from where it was, in the same turn', async () => {
    await using scene = await Scene.known();
    let tries = 0;
    scene.server.answers.set(PATH, (response, request) => {
      tries += 1;
      (tries === 1 ? cutOff(CONTENT, 100_000) : file(CONTENT))(response, request);
    });
    assert.ok(CONTENT.equals(await readFile(await scene.fetch())));
    assert.match(scene.server.requests.at(-1) ?? '', /bytes=[1-9]\d*-$/);
    assert.deepEqual(await namesBelow(scene.downloads), [NAME]);
  });

  it('goes on in the next turn, after the agent was stopped', async () => {
    await using scene = await Scene.known();
    scene.server.answers.set(PATH, (response) => {
      response.writeHead(200, { 'Content-Length': CONTENT.length }).write(CONTENT.subarray(0, 100_000));
    });
    const client = scene.client();
    const target = await client.target(TARGET);
    const stop = new AbortController();
    const reason = new Error('the agent is stopping');
    const onProgress = ({ total }: { total: number | null }) => {
      assert.equal(total, CONTENT.length);
      stop.abort(reason);
    };
    await assert.rejects(client.fetch(target, { signal: stop.signal, onProgress }), reason);
    const { size } = await stat(join(scene.downloads, `${NAME}.part`));
    scene.server.answers.clear();
    await scene.fetch();
    assert.equal(scene.server.requests.at(-1), `${PATH} bytes=${size}-`);
  });

  it('is not gone on with when the rest is of another length: the whole is asked for', async () => {
    await using scene = await Scene.known();
    scene.server.answers.set(PATH, (response, request) => {
      const { range } = request.headers;
      if (range === undefined) return cutOff(CONTENT, 100_000)(response, request);
      scene.server.answers.clear();
      file(CONTENT.subarray(0, 200_000))(response, request);
    });
    assert.ok(CONTENT.equals(await readFile(await scene.fetch())));
  });
});
