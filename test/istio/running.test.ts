import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { pathsUnder } from '../../src/base/paths.ts';
import type { Process, ProcessAnswer } from '../../src/host/programs/processes.ts';
import { lookAtRunning, type Running, type RunningFacts, whatRuns } from '../../src/istio/running.ts';
import { UNIT } from '../support/observed.ts';
import { temporaryFolder } from '../support/temporary.ts';

const A = '1.31.0-aaaaaaaaaaaa';
const B = '1.31.1-bbbbbbbbbbbb';
const UP_MS = 90_000;

let nextPid = 100;
function process(exe: string, facts: Partial<Process> = {}): Process {
  const pid = nextPid++;
  return { answer: 'process', pid, exe, deleted: false, device: '8', inode: String(pid), startTicks: '55', ...facts };
}
const of = (id: string, program: 'envoy' | 'pilot-agent') =>
  process(`/opt/smm-agent/istio/releases/${id}/bin/${program}`);
const sudo = () => process('/usr/bin/sudo');

function run(processes: ProcessAnswer[], facts: Partial<RunningFacts> = {}): Running {
  return whatRuns({
    processes,
    paths: pathsUnder('/'),
    bootId: 'boot-1',
    releases: [],
    active: A,
    // Processes of this file began 0.55 s after the boot.
    processTimeMs: 550 + UP_MS,
    ...facts,
  });
}

/** The note that adoption made of a process. */
const noted = ({ device, inode, pid, startTicks }: Process) => ({ device, inode, pid, startTicks });

describe('what runs in istio.service', () => {
  it('is the release whose folder the executables lie in; sudo and bash do not count', () => {
    const processes = [sudo(), process('/usr/bin/bash'), of(B, 'pilot-agent'), of(B, 'envoy')];
    assert.deepEqual(run(processes), { answer: 'release', id: B, upMs: UP_MS });
  });

  it('is told by the path, although hard links share device and inode', () => {
    const same = { device: '8', inode: '1' };
    const envoy = process(`/opt/smm-agent/istio/releases/${B}/bin/envoy`, same);
    assert.deepEqual(run([envoy]), { answer: 'release', id: B, upMs: UP_MS });
  });

  it('has been up for as long as the youngest Envoy, by the clock of the boot: the wall clock may jump', () => {
    const envoys = [of(B, 'envoy'), process(`/opt/smm-agent/istio/releases/${B}/bin/envoy`, { startTicks: '3055' })];
    assert.deepEqual(run([of(B, 'pilot-agent'), ...envoys]), { answer: 'release', id: B, upMs: UP_MS - 30_000 });
  });

  // In a container, /proc/uptime is the container's (lxcfs), and start times of processes are the host's.
  it('has its age by the clock that start times are told in, and asks no other one', async () => {
    await using folder = await temporaryFolder();
    const paths = pathsUnder(folder.path);
    const file = join(paths.releases, B, 'bin/envoy');
    await mkdir(join(paths.releases, B, 'bin'), { recursive: true });
    await copyFile('/bin/sleep', file);
    const envoy = spawn(file, ['1000'], { stdio: 'ignore' });
    await once(envoy, 'spawn');
    const begun = performance.now();
    try {
      const look = () =>
        lookAtRunning({ ...UNIT, pids: [envoy.pid ?? 0] }, { paths, bootId: 'boot-1', releases: [], active: B });
      const [first, second] = [await look(), await look()];
      assert.ok(first.answer === 'release' && second.answer === 'release', JSON.stringify([first, second]));
      assert.ok(second.upMs >= first.upMs && second.upMs <= performance.now() - begun + 1000, String(second.upMs));
    } finally {
      envoy.kill('SIGKILL');
      await once(envoy, 'exit');
    }
  });

  it('is nothing without processes, and while Envoy is not up yet', () => {
    assert.deepEqual(run([]), { answer: 'nothing', lastRan: A });
    assert.deepEqual(run([sudo(), of(A, 'pilot-agent')]), { answer: 'nothing', lastRan: A });
    assert.deepEqual(run([process('/usr/sbin/xtables-nft-multi')]), { answer: 'nothing', lastRan: A });
    assert.deepEqual(run([{ answer: 'gone', pid: 3 }]), { answer: 'nothing', lastRan: A });
  });

  const unknowns: [string, ProcessAnswer[], RegExp][] = [
    [
      'programs of two releases',
      [of(B, 'pilot-agent'), of(A, 'envoy')],
      /different releases run together: 1\.31\.0-a+ and 1\.31\.1-b+/,
    ],
    [
      "pilot-agent of a release with the package's Envoy",
      [of(B, 'pilot-agent'), process('/usr/local/bin/envoy')],
      /the package/,
    ],
    [
      'a deleted executable',
      [process(`/opt/smm-agent/istio/releases/${A}/bin/envoy`, { deleted: true })],
      /deleted or replaced/,
    ],
    [
      'an executable of elsewhere',
      [of(A, 'pilot-agent'), process('/srv/own/envoy')],
      /belongs to no release: \/srv\/own\/envoy/,
    ],
    [
      'an Envoy under another name',
      [of(A, 'pilot-agent'), process('/srv/own/proxy')],
      /belongs to no release: \/srv\/own\/proxy/,
    ],
    [
      'a release on its way out',
      [process(`/opt/smm-agent/istio/releases/.trash-${A}.12345678/bin/envoy`)],
      /belongs to no release/,
    ],
    [
      'a process that cannot be looked at',
      [of(A, 'envoy'), { answer: 'forbidden', pid: 9 }],
      /process 9 .*CAP_SYS_PTRACE/,
    ],
  ];
  for (const [what, processes, reason] of unknowns) {
    it(`is unknown with ${what}`, () => {
      const answer = run(processes);
      assert.ok(answer.answer === 'unknown', answer.answer);
      assert.match(answer.reason, reason);
    });
  }
});

describe("an Istio that runs from its package's own files", () => {
  const envoy = process('/usr/local/bin/envoy');
  const pilotAgent = process('/usr/local/bin/pilot-agent');
  const adoptedAs = (bootId: string) => [
    { id: A, adopted: { bootId, envoy: noted(envoy), pilotAgent: noted(pilotAgent) } },
  ];

  it('is to be adopted while no release has noted it', () => {
    const answer = run([sudo(), pilotAgent, envoy], { active: null });
    assert.deepEqual(answer, { answer: 'package', processes: { envoy, pilotAgent } });
  });

  it('is the adopted release when these very processes were noted in this boot', () => {
    assert.deepEqual(run([pilotAgent, envoy], { releases: adoptedAs('boot-1') }), {
      answer: 'release',
      id: A,
      upMs: UP_MS,
    });
  });

  it('still is it after dpkg has replaced or removed the files', () => {
    const processes = [pilotAgent, envoy].map((one) => ({ ...one, deleted: true }));
    assert.deepEqual(run(processes, { releases: adoptedAs('boot-1') }), { answer: 'release', id: A, upMs: UP_MS });
  });

  it('is not it after a reboot, nor with another start time, process or file', () => {
    assert.equal(run([pilotAgent, envoy], { releases: adoptedAs('boot-0') }).answer, 'package');
    for (const change of [{ startTicks: '56' }, { pid: 1 }, { inode: '1' }, { device: '1' }]) {
      const processes = [pilotAgent, envoy].map((one) => ({ ...one, ...change }));
      assert.equal(run(processes, { releases: adoptedAs('boot-1') }).answer, 'package', JSON.stringify(change));
    }
  });
});
