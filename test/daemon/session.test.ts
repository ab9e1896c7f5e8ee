import assert from 'node:assert/strict';
import { existsSync, type watch } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { type Paths, pathsUnder } from '../../src/base/paths.ts';
import { AGENT_VERSION } from '../../src/base/version.ts';
import { setEmergencyHold } from '../../src/config/emergency-hold.ts';
import { openSession, type SessionParts } from '../../src/daemon/session.ts';
import { Triggers } from '../../src/daemon/triggers.ts';
import { systemdBelow } from '../../src/host/systemd/below.ts';
import { type ConfigInEffect, configChange } from '../../src/observation/settings.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { temporaryFolder } from '../support/temporary.ts';

const CONFIG = `
workloadGroup: { namespace: vm-apps, name: reviews }
controlPlane: { server: https://127.0.0.1:1 }
`;

async function machine(root: string, files: { machineId?: string }): Promise<{ parts: SessionParts; lines: string[] }> {
  const paths: Paths = pathsUnder(root);
  await mkdir(dirname(paths.config), { recursive: true, mode: 0o755 });
  await writeFile(paths.config, CONFIG, { mode: 0o644 });
  if (files.machineId !== undefined) await writeFile(paths.machineId, `${files.machineId}\n`);
  const lines: string[] = [];
  const say = (sentence: string) => void lines.push(sentence);
  const log = { debug: say, info: say, warn: say, error: say };
  return { parts: { paths, clock: new ManualClock(), log, services: systemdBelow(paths), invocation: null }, lines };
}

const options = () => ({ ask: 'fresh', nextPoll: null, tell: () => {}, signal: new AbortController().signal }) as const;

describe('a session of the daemon', () => {
  it('does nothing on a machine without an id, and says why: an exited daemon would be started again for ever', async () => {
    await using folder = await temporaryFolder();
    const { parts } = await machine(folder.path, {});
    const session = await openSession(parts, () => {});
    const { agent } = await session.turn(options());
    assert.equal(agent.state, 'misconfigured');
    assert.match(agent.reason, /does not contain a machine id \(run systemd-machine-id-setup/);
  });

  it('says while the file has errors that the machine is held beside it', async () => {
    await using folder = await temporaryFolder();
    const { parts } = await machine(folder.path, {});
    await writeFile(parts.paths.config, 'holds: true\n');
    await setEmergencyHold(parts.paths, true);
    const { agent, warnings } = await (await openSession(parts, () => {})).turn(options());
    assert.equal(agent.state, 'misconfigured');
    assert.match(
      warnings.join(),
      /^this machine is held by \S+\/hold, since \S+ could not be used: smm-agent unhold ends it$/,
    );
  });

  it('keeps the configuration of the session before if the file has errors now, and says so', async () => {
    await using folder = await temporaryFolder();
    const { parts } = await machine(folder.path, { machineId: '0123456789abcdef0123456789abcdef' });
    const first = await openSession(parts, () => {});
    assert.equal(first.problem, null);
    await writeFile(parts.paths.config, `${CONFIG}holds: true\n`);
    for (let before = first, times = 0; times < 2; times++) {
      before = await openSession(parts, () => {}, before);
      assert.match(before.problem ?? '', /agent\.yaml:4:1: unknown key "holds"/);
      assert.equal(before.read?.config.workloadGroup.name, 'reviews');
      assert.match(
        (await configChange(before.read?.inEffect as ConfigInEffect)) ?? '',
        /has errors, and the configuration that was read at .* stays in effect/,
      );
    }
    assert.equal((await openSession(parts, () => {})).read, null, 'the first of a process has nothing to go on with');
    await writeFile(parts.paths.config, `${CONFIG}hold: true\n`);
    const corrected = await openSession(parts, () => {}, first);
    assert.deepEqual([corrected.problem, corrected.read?.config.hold], [null, true]);
    assert.equal(await configChange(corrected.read?.inEffect as ConfigInEffect), null);
  });

  it('does nothing if it cannot read the state of a later version, and says why', async () => {
    await using folder = await temporaryFolder();
    const { parts } = await machine(folder.path, { machineId: '0123456789abcdef0123456789abcdef' });
    await mkdir(parts.paths.state, { recursive: true });
    await writeFile(join(parts.paths.state, 'format'), 'format=9\noldest_reader=9\n');
    const session = await openSession(parts, () => {});
    const { agent } = await session.turn(options());
    assert.equal(agent.state, 'misconfigured');
    assert.match(agent.reason, /its format is 9, and this version .* up to 1 \(go back to the version that wrote it/);
  });

  it('brings the state to its format if no confirmation has done so: after a package, or after a kill', async () => {
    await using folder = await temporaryFolder();
    const { parts } = await machine(folder.path, { machineId: '0123456789abcdef0123456789abcdef' });
    for (const path of [parts.paths.state, parts.paths.opt]) await mkdir(path, { recursive: true });
    const format = join(parts.paths.state, 'format');
    for (const [invocation, expected] of [
      [null, false],
      ['i-1', true],
    ] as const) {
      const session = await openSession({ ...parts, invocation }, () => {});
      // The rest of the turn needs systemd, which this machine may not have.
      await Promise.allSettled([session.turn(options())]);
      assert.equal(existsSync(format), expected);
    }
  });

  it('does not tidy up on probation, since the version is judged by its first turns', async () => {
    await using folder = await temporaryFolder();
    const { parts, lines } = await machine(folder.path, { machineId: '0123456789abcdef0123456789abcdef' });
    // /opt/smm-agent is missing: tidying would log a failure.
    await mkdir(dirname(parts.paths.probation), { recursive: true });
    await writeFile(parts.paths.probation, `id=a\nfrom=0.1.9\nto=${AGENT_VERSION}\n`);
    await Promise.allSettled([(await openSession(parts, () => {})).turn(options())]);
    assert.deepEqual(lines, []);
    await rm(parts.paths.probation);
    await Promise.allSettled([(await openSession(parts, () => {})).turn(options())]);
    assert.match(lines.join(), /^cannot remove the leftovers of killed runs/);
  });

  it('polls even if no folder can be watched, and says so', async () => {
    await using folder = await temporaryFolder();
    const { parts, lines } = await machine(folder.path, { machineId: '0123456789abcdef0123456789abcdef' });
    const exhausted = (() => {
      throw new Error('EMFILE: too many open files, watch');
    }) as unknown as typeof watch;
    const session = await openSession({ ...parts, watch: exhausted }, () => {});
    const schedule = await session.start(new Triggers());
    assert.ok(schedule.nextPoll() !== null);
    schedule.stop();
    assert.match(lines.join('\n'), /cannot watch .*too many open files, watch; the agent looks at Istio at each poll/);
  });
});
