import assert from 'node:assert/strict';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { describe, it } from 'node:test';
import { pathsUnder } from '../../src/base/paths.ts';
import { systemdBelow } from '../../src/host/systemd/below.ts';
import { misconfiguredStatus } from '../../src/status/unseen.ts';
import type { ControlPlane } from '../../src/turn/control-plane.ts';
import { OwnVersions } from '../../src/turn/own-versions.ts';
import { newProbation, readProbation, writeProbation } from '../../src/versions/probation.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { AGENT, config, NOW, observed } from '../support/observed.ts';
import { temporaryFolder } from '../support/temporary.ts';

describe('a version on probation that the control plane has answered', () => {
  it('is not rejected if it cannot get the lock: the turn is noted, and the probation goes on', async () => {
    await using folder = await temporaryFolder();
    // /opt/smm-agent, the folder that is locked, does not exist.
    const paths = pathsUnder(folder.path);
    await mkdir(dirname(paths.probation), { recursive: true });
    const probation = newProbation({ from: '0.2.0', to: '0.3.0', previous: null }, NOW);
    await writeProbation(paths, probation, 'boot-1');
    const controlPlane = { hasAnswered: () => true } as unknown as ControlPlane;
    const clock = new ManualClock();
    const own = new OwnVersions({
      paths,
      clock,
      services: systemdBelow(paths),
      config: config(),
      controlPlane,
      invocation: 'i-1',
    });
    const status = misconfiguredStatus('0.3.0', 1, NOW, 'nothing');
    assert.equal(await own.conclude(status, observed({ agent: { ...AGENT, probation } })), null);
    assert.match(await readFile(paths.turnRecord, 'utf8'), /^invocation=i-1\nlacks=lock$/m);
    assert.equal((await readProbation(paths))?.id, probation.id);
  });
});
