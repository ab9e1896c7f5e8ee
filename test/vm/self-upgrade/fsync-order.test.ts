/**
 * The order in which the agent's own upgrade reaches the disk, in the agent and in the scripts: what a machine is found
 * with after a power cut, which a container cannot show since its host's page cache outlives it. Needs strace, no root
 * and no VM.
 */
import assert from 'node:assert/strict';
import { chmod, mkdir, realpath, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, it } from 'node:test';
import { VERSION_FILES } from '../../../src/versions/version.ts';
import { CONFIRMATION_PROGRAM } from '../../versions/confirmation-program.ts';
import { NEW, NEXT_NODE, OLD, UpgradeScene } from '../../versions/scene.ts';
import { UPGRADE_PROGRAM } from '../../versions/upgrade-program.ts';
import { DiskTrace } from '../lab/machine/disk-trace.ts';

/** A machine on which NEW is published, which brings a runtime, and whose systemd takes every timer. */
class Machine implements AsyncDisposable {
  readonly scene: UpgradeScene;

  private constructor(scene: UpgradeScene) {
    this.scene = scene;
  }

  static async begin(): Promise<Machine> {
    const begun = await UpgradeScene.begin();
    // The kernel names files by where they are.
    const scene = UpgradeScene.at(await realpath(begun.folder));
    await scene.publish({ version: NEW, runtime: NEXT_NODE });
    const { programs } = new Machine(scene);
    await mkdir(programs);
    for (const name of ['systemd-run', 'journalctl']) {
      await writeFile(join(programs, name), '#!/bin/sh\n');
      await chmod(join(programs, name), 0o755);
    }
    return new Machine(scene);
  }

  get programs(): string {
    return join(this.scene.paths.root, 'programs');
  }

  runs(program: string): Promise<DiskTrace> {
    return DiskTrace.of([process.execPath, program, this.scene.folder], this.scene.paths.root);
  }

  /** One of the scripts, as systemd starts it. */
  runsScript(name: string, ...args: string[]): Promise<DiskTrace> {
    const { bin, root } = this.scene.paths;
    const env = { SMM_ROOT: root, PATH: `${this.programs}:/usr/bin:/bin`, INVOCATION_ID: 'i-1' };
    return DiskTrace.of([join(bin, name), ...args], root, env);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.scene[Symbol.asyncDispose]();
  }
}

/** Files and folders; a link has nothing but its name. */
function assertWrittenFirst(trace: DiskTrace): void {
  for (const { index, from, to } of trace.renames) {
    if (/^\.(current|previous)\./.test(basename(from)) || basename(to).startsWith('.trash-')) continue;
    assert.ok(trace.isSynced(from, 0, index), `${from} was not on disk when it became ${to}`);
  }
  assert.deepEqual(trace.lateNames(), [], 'names that were not on disk before the next one');
}

/** Each was seen, after the one before it. */
function assertOrder(steps: Readonly<Record<string, number>>): void {
  const order = Object.entries(steps);
  for (const [at, [name, index]] of order.entries()) {
    const [before, earlier] = order[at - 1] ?? ['the beginning', -1];
    assert.ok(index > earlier, `${name} did not come after ${before}: ${JSON.stringify(steps)}`);
  }
}

describe('the switch to a new version', () => {
  it('comes when every file of it and of its runtime is on disk, and its probation as well', async () => {
    await using machine = await Machine.begin();
    const { paths, store } = machine.scene;
    const trace = await machine.runs(UPGRADE_PROGRAM);
    assertWrittenFirst(trace);
    const [version, runtime] = [store.folder(NEW), store.runtimeFolder(NEXT_NODE)];
    assertOrder({
      runtime: trace.renamedTo(runtime),
      version: trace.renamedTo(version),
      probation: trace.renamedTo(paths.probation),
      current: trace.renamedTo(join(paths.opt, 'current')),
      previous: trace.renamedTo(join(paths.opt, 'previous')),
    });
    for (const [folder, names] of [
      [version, [VERSION_FILES.program, VERSION_FILES.manifest, 'flags']],
      [runtime, ['bin/node', 'bin', VERSION_FILES.manifest]],
    ] as const) {
      const placed = trace.renames.find(({ to }) => to === folder);
      assert.ok(placed);
      for (const name of names) {
        assert.ok(trace.isSynced(join(placed.from, name), 0, placed.index), `${name} was on disk too late`);
      }
    }
  });
});

describe('a version on probation', () => {
  it('starts when its new deadline is on disk', async () => {
    await using machine = await Machine.begin();
    await machine.runs(UPGRADE_PROGRAM);
    const trace = await machine.runsScript('agent-guard', 'start');
    assertWrittenFirst(trace);
    const { probation, run } = machine.scene.paths;
    assertOrder({ probation: trace.renamedTo(probation), trial: trace.renamedTo(join(run, 'agent-trial')) });
  });

  it('is confirmed in the history before its probation is over', async () => {
    await using machine = await Machine.begin();
    await machine.runs(UPGRADE_PROGRAM);
    const trace = await machine.runs(CONFIRMATION_PROGRAM);
    assertWrittenFirst(trace);
    const { history, probation, agentState } = machine.scene.paths;
    const over = trace.removed(probation);
    assertOrder({ history: trace.renamedTo(history), over });
    assert.ok(trace.isSynced(agentState, over, trace.events.length), 'the probation might come back');
  });

  it('is rejected on disk before it is rolled back, and rolled back before its probation is over', async () => {
    await using machine = await Machine.begin();
    await machine.runs(UPGRADE_PROGRAM);
    const trace = await machine.runsScript('agent-put-back', 'now', 'it exits 1', 'i-1');
    assertWrittenFirst(trace);
    const { agentState, opt, probation } = machine.scene.paths;
    const over = trace.removed(probation);
    assertOrder({
      rejected: trace.renamedTo(join(agentState, 'rejected', NEW)),
      current: trace.renamedTo(join(opt, 'current')),
      evidence: trace.renamedTo(join(agentState, 'evidence', NEW)),
      over,
    });
    assert.ok(trace.isSynced(agentState, over, trace.events.length), 'the probation might come back');
    assert.equal((await machine.scene.links()).current, OLD);
  });
});
