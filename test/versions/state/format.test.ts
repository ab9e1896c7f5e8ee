import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type Paths, pathsUnder } from '../../../src/base/paths.ts';
import { migrateState, ownFormat, requireReadableState } from '../../../src/versions/state/format.ts';
import type { Migration } from '../../../src/versions/state/migrations.ts';
import { type TemporaryFolder, temporaryFolder } from '../../support/temporary.ts';

class Scene implements AsyncDisposable {
  readonly paths: Paths;
  readonly done: string[] = [];
  readonly #folder: TemporaryFolder;

  private constructor(folder: TemporaryFolder) {
    this.#folder = folder;
    this.paths = pathsUnder(folder.path);
  }

  static async begin(): Promise<Scene> {
    const scene = new Scene(await temporaryFolder());
    await mkdir(scene.paths.state, { recursive: true });
    return scene;
  }

  migration(to: number, oldestReader: number): Migration {
    return { to, oldestReader, what: `format ${to}`, run: async () => void this.done.push(`to ${to}`) };
  }

  format(): Promise<string> {
    return readFile(join(this.paths.state, 'format'), 'utf8');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#folder[Symbol.asyncDispose]();
  }
}

describe('the format of the state', () => {
  it('is written as format 1 when there is no file, so that later versions know where to begin', async () => {
    await using scene = await Scene.begin();
    assert.deepEqual(await migrateState(scene.paths, []), []);
    assert.equal(await scene.format(), 'format=1\noldest_reader=1\n');
  });

  it('is migrated step by step, each step once', async () => {
    await using scene = await Scene.begin();
    const migrations = [scene.migration(2, 1), scene.migration(3, 3)];
    assert.deepEqual(await migrateState(scene.paths, migrations), ['format 2', 'format 3']);
    assert.deepEqual(await migrateState(scene.paths, migrations), []);
    assert.deepEqual(scene.done, ['to 2', 'to 3']);
    assert.equal(await scene.format(), 'format=3\noldest_reader=3\n');
  });

  it('continues a migration at the step that failed', async () => {
    await using scene = await Scene.begin();
    const failing = { ...scene.migration(3, 3), run: () => Promise.reject(new Error('cut off')) };
    await assert.rejects(migrateState(scene.paths, [scene.migration(2, 1), failing]));
    await migrateState(scene.paths, [scene.migration(2, 1), scene.migration(3, 3)]);
    assert.deepEqual(scene.done, ['to 2', 'to 3']);
  });

  it('is accepted by an older version that oldest_reader allows, and refused by other older versions', async () => {
    await using scene = await Scene.begin();
    await migrateState(scene.paths, [scene.migration(2, 1)]);
    await requireReadableState(scene.paths, []);
    await migrateState(scene.paths, [scene.migration(2, 1), scene.migration(3, 3)]);
    await assert.rejects(requireReadableState(scene.paths, [scene.migration(2, 1)]), {
      code: 'SMM705',
      message: /its format is 3, and this version of smm-agent knows formats up to 2/,
    });
  });

  it('is migrated from the beginning when the file is damaged, because every step can be repeated', async () => {
    await using scene = await Scene.begin();
    await writeFile(join(scene.paths.state, 'format'), '\0\0');
    await migrateState(scene.paths, [scene.migration(2, 1)]);
    assert.equal(await scene.format(), 'format=2\noldest_reader=1\n');
  });

  it('is 1 for a version without migrations', () => {
    assert.equal(ownFormat([]), 1);
  });
});
