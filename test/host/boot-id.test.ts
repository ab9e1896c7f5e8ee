import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Paths, pathsUnder } from '../../src/base/paths.ts';
import { readBootId } from '../../src/host/boot-id.ts';

const KERNELS = '/proc/sys/kernel/random/boot_id';

describe('the id of this boot', () => {
  let root: string;
  let paths: Paths;
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'smm-boot-'));
    paths = pathsUnder(root);
  });
  after(() => rm(root, { recursive: true, force: true }));

  const write = async (path: string, text: string) => {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  };

  it("is the machine's own below a root without procfs", async () => {
    assert.equal(await readBootId(paths), (await readFile(KERNELS, 'utf8')).trim());
  });

  it('is that of /proc, when process 1 cannot be looked into', async () => {
    await write(paths.bootId, 'of-proc\n');
    assert.equal(await readBootId(paths), 'of-proc');
  });

  it('is that of process 1 in a unit whose /proc shows another one', async () => {
    await write(paths.bootId, 'of-the-host\n');
    await write(paths.bootIdOfInit, 'of-the-machine\n');
    assert.equal(await readBootId(paths), 'of-the-machine');
  });

  it('rejects when what is there cannot be read at all', async () => {
    await rm(paths.bootIdOfInit);
    await mkdir(paths.bootIdOfInit);
    await assert.rejects(readBootId(paths), { code: 'SMM508' });
  });
});
