import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { lookAtProcess, pidsInUnit } from '../../../src/host/programs/processes.ts';

let folder: string;
before(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'smm-processes-')));
});
after(() => rmSync(folder, { recursive: true }));

/** A copy of sleep under a name of our own, running; ended and waited for when the test ends. */
async function sleeper(name: string) {
  const file = join(folder, name);
  copyFileSync(realpathSync('/bin/sleep'), file);
  const child = spawn(file, ['1000'], { stdio: 'ignore' });
  await once(child, 'spawn');
  const end = async () => {
    child.kill('SIGKILL');
    await once(child, 'exit');
  };
  return { file, pid: child.pid ?? 0, end };
}

describe('a process', () => {
  it('is known by its executable and the time of its start', async () => {
    const { file, pid, end } = await sleeper('a (b) c');
    const seen = lookAtProcess(pid);
    const { dev, ino } = statSync(file);
    assert.deepEqual(
      { ...seen, startTicks: '' },
      { answer: 'process', pid, exe: file, deleted: false, device: String(dev), inode: String(ino), startTicks: '' },
    );
    assert.ok(seen.answer === 'process' && Number(seen.startTicks) > 0);
    await end();
  });

  it('whose executable was deleted says so, and keeps its identity', async () => {
    const { file, pid, end } = await sleeper('deleted');
    const { ino } = statSync(file);
    rmSync(file);
    const seen = lookAtProcess(pid);
    assert.ok(seen.answer === 'process');
    assert.deepEqual([seen.exe, seen.deleted, seen.inode], [file, true, String(ino)]);
    await end();
  });

  it('whose executable has a name that ends in " (deleted)" was not deleted', async () => {
    const { file, pid, end } = await sleeper('odd (deleted)');
    const seen = lookAtProcess(pid);
    assert.ok(seen.answer === 'process');
    assert.deepEqual([seen.exe, seen.deleted], [file, false]);
    await end();
  });

  it('that has ended is gone, which is no error', async () => {
    const { pid, end } = await sleeper('gone');
    await end();
    assert.deepEqual(lookAtProcess(pid), { answer: 'gone', pid });
  });

  it('that is a thread of the kernel, or gone, has no executable', () => {
    assert.equal(lookAtProcess(2 ** 30).answer, 'gone');
  });
});

describe('the processes of a unit', () => {
  const line = { v2: '0::', v1: '1:name=systemd:' };
  function procWith(cgroups: Record<number, string>): string {
    const proc = mkdtempSync(join(folder, 'proc-'));
    for (const [pid, cgroup] of Object.entries(cgroups)) {
      mkdirSync(join(proc, pid));
      writeFileSync(join(proc, pid, 'cgroup'), cgroup);
    }
    mkdirSync(join(proc, 'self'));
    mkdirSync(join(proc, '77'));
    return proc;
  }
  const unit = '/system.slice/istio.service';

  it('are found with unified, legacy and hybrid cgroups', () => {
    const proc = procWith({
      3: `${line.v2}${unit}\n`,
      10: `12:cpu,cpuacct:/\n${line.v1}${unit}\n`,
      2: `9:name=systemd:${unit}\n0::${unit}\n`,
      4: `${line.v2}/system.slice/other.service\n`,
      5: `${line.v2}/system.slice/istio.service.d\n`,
      6: `7:cpu:${unit}\n`,
    });
    assert.deepEqual(pidsInUnit(unit, proc), [2, 3, 10]);
  });

  it('are not those of a container with a unit of the same name', () => {
    const proc = procWith({ 3: `0::${unit}\n`, 4: `0::/machine.slice/box.scope/payload${unit}\n` });
    assert.deepEqual(pidsInUnit(unit, proc), [3]);
  });

  it("are found below the root of a machine that shares its host's cgroups", () => {
    assert.deepEqual(pidsInUnit(unit, procWith({ 4: `0::/lab/vm1${unit}\n` })), [4]);
  });

  it('are none for a unit without a cgroup', () => {
    assert.deepEqual(pidsInUnit('', procWith({ 3: '0::/\n' })), []);
  });

  it('include this one, in the real /proc', () => {
    const own = /^(?:0::|\d+:name=systemd:)(\/.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1] ?? '';
    assert.ok(pidsInUnit(own).includes(process.pid));
  });
});
