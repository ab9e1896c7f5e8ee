import assert from 'node:assert/strict';
import { appendFile, readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { pathsUnder } from '../../src/base/paths.ts';
import { describeEntry } from '../../src/cli/history.ts';
import { addToHistory, type HistoryEntry, readHistory } from '../../src/history/history.ts';
import { AgentHistory } from '../../src/history/keeper.ts';
import type { AgentObservation, Observation } from '../../src/observation/observation.ts';
import { keepEvidence } from '../../src/versions/evidence.ts';
import type { Probation } from '../../src/versions/probation.ts';
import type { VersionRejection } from '../../src/versions/rejections.ts';
import { AGENT, minutesAgo, NEW, NOW, OLD, observed } from '../support/observed.ts';
import { temporaryFolder } from '../support/temporary.ts';

const agentIs = (agent: Partial<AgentObservation>, change: Partial<Observation> = {}) =>
  observed({ ...change, agent: { ...AGENT, ...agent } });
const runs = (id: string): Partial<Observation> => ({ running: { answer: 'release', id, upMs: 1 } });
const told = (entries: readonly HistoryEntry[]) => entries.map(({ from, to, result }) => `${from} ${result} ${to}`);

const rejection = (change: Partial<VersionRejection>): ReadonlyMap<string, VersionRejection> => {
  const reason = 'it ended by itself';
  const base = { how: 'put back', id: 'abcd0123', instead: '0.2.0', reason, count: 1, at: minutesAgo(1) } as const;
  return new Map([['0.3.0', { ...base, retryAt: NOW, ...change }]]);
};

async function machine() {
  const folder = await temporaryFolder();
  const paths = pathsUnder(folder.path);
  return { paths, history: new AgentHistory(paths), [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

describe('the history of a machine', () => {
  it('begins with the versions that are installed', async () => {
    await using m = await machine();
    await m.history.note(observed());
    assert.deepEqual(told(await readHistory(m.paths)), ['null installed 0.2.0', `null runs ${OLD.manifest.id}`]);
  });

  it('has the time of the installation of a version, also if its first turn was later', async () => {
    await using m = await machine();
    await m.history.note(agentIs({ installedAt: minutesAgo(30) }));
    const [installed] = await readHistory(m.paths);
    assert.deepEqual([installed?.result, installed?.at], ['installed', minutesAgo(30).toISOString()]);
  });

  it('has each change once, even if several processes observe it several times', async () => {
    await using m = await machine();
    for (const observation of [
      observed(),
      observed(),
      observed(runs(NEW.manifest.id)),
      observed(runs(NEW.manifest.id)),
    ]) {
      await m.history.note(observation);
      await new AgentHistory(m.paths).note(observation);
    }
    assert.deepEqual(told(await readHistory(m.paths)).slice(2), [`${OLD.manifest.id} runs ${NEW.manifest.id}`]);
  });

  it('knows nothing of an installation when a command of a rolled back version looks', async () => {
    await using m = await machine();
    await m.history.note(observed());
    const before = await readHistory(m.paths);
    await new AgentHistory(m.paths).note(agentIs({ running: '0.3.0' }));
    assert.deepEqual(await readHistory(m.paths), before);
  });

  it('has a version of a package also where it makes way for another one in its first turn', async () => {
    await using m = await machine();
    await m.history.note(observed());
    const probation: Probation = {
      id: 'p2',
      from: '0.4.0',
      to: '0.2.0',
      previous: null,
      begun: '',
      deadline: 0,
      extended: 0,
    };
    await m.history.note(agentIs({ running: '0.4.0', installed: '0.2.0', probation }));
    assert.deepEqual(told(await readHistory(m.paths)).at(-1), '0.2.0 installed 0.4.0');
  });

  it('tells an upgrade by the agent from one by its package', async () => {
    await using m = await machine();
    await m.history.note(observed());
    const probation: Probation = {
      id: 'p1',
      from: '0.2.0',
      to: '0.3.0',
      previous: null,
      begun: '',
      deadline: 0,
      extended: 0,
    };
    const next = agentIs({ running: '0.3.0', probation });
    await m.history.note(next);
    await m.history.noteConfirmed(probation, NOW, false);
    // If the agent is killed before the probation ends, the version is confirmed again.
    await new AgentHistory(m.paths).noteConfirmed(probation, NOW, false);
    await m.history.note(agentIs({ running: '0.3.0', installed: '0.3.0' }));
    await m.history.note(agentIs({ running: '0.4.0', installed: '0.4.0' }));
    assert.deepEqual(
      told(await readHistory(m.paths)).filter((line) => !line.includes('runs')),
      ['null installed 0.2.0', '0.2.0 confirmed 0.3.0', '0.3.0 installed 0.4.0'],
    );
  });

  it('has a version that was rolled back, with the reason and its last log lines', async () => {
    await using m = await machine();
    await m.history.note(observed());
    await keepEvidence(m.paths, '0.3.0', 'TypeError: x\n    at y\n');
    await m.history.note(agentIs({ rejected: rejection({}) }));
    const entry = (await readHistory(m.paths)).at(-1);
    assert.deepEqual(told(entry === undefined ? [] : [entry]), ['0.3.0 put back 0.2.0']);
    assert.equal(
      describeEntry(entry as HistoryEntry),
      `2026-11-23T11:59:00.000Z  smm-agent 0.3.0 was rolled back to 0.2.0
    why: it ended by itself
    its last lines:
      TypeError: x
          at y
`,
    );
  });

  it('has a version whose self-check failed, and the version that stayed', async () => {
    await using m = await machine();
    await m.history.note(observed());
    await m.history.note(agentIs({ rejected: rejection({ how: 'refused', id: '0.3.0 1' }) }));
    await m.history.note(agentIs({ rejected: rejection({ how: 'refused', id: '0.3.0 1' }) }));
    assert.deepEqual(told(await readHistory(m.paths)).slice(2), ['0.2.0 refused 0.3.0']);
  });

  it('has a release of Istio that was rolled back', async () => {
    await using m = await machine();
    const rejected = new Map([
      [NEW.manifest.id, { reason: 'it ended three times', count: 1, at: minutesAgo(2), retryAt: NOW }],
    ]);
    await m.history.note(observed({ rejected }));
    const entries = await readHistory(m.paths);
    assert.equal(told(entries)[0], `${NEW.manifest.id} put back ${OLD.manifest.id}`);
  });

  it('has a release after it was rolled back, and not while it is active until the next start', async () => {
    await using m = await machine();
    const rejected = new Map([
      [NEW.manifest.id, { reason: 'it ended three times', count: 1, at: minutesAgo(2), retryAt: NOW }],
    ]);
    await m.history.note(observed({ rejected, active: NEW }));
    await m.history.note(observed({ rejected }));
    const putBack = (await readHistory(m.paths)).filter(({ result }) => result === 'put back');
    assert.deepEqual(told(putBack), [`${NEW.manifest.id} put back ${OLD.manifest.id}`]);
  });

  it('survives an invalid line, and keeps the last 200', async () => {
    await using m = await machine();
    await m.history.note(observed());
    await appendFile(m.paths.history, '\0\0{"id": 1}\nnot json\n');
    const many = Array.from({ length: 250 }, (_, index): HistoryEntry => {
      const at = NOW.toISOString();
      return {
        id: `${index}`,
        at,
        what: 'agent',
        from: null,
        to: '0.2.0',
        result: 'installed',
        reason: null,
        evidence: null,
      };
    });
    await addToHistory(m.paths, many);
    assert.deepEqual(
      (await readHistory(m.paths)).map(({ id }) => id),
      many.slice(-200).map(({ id }) => id),
    );
    assert.equal((await readFile(m.paths.history, 'utf8')).split('\n').length, 201);
  });
});
