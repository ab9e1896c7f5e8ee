import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { projectRoot } from '../../scripts/project.ts';
import * as points from './kill-points.ts';

const BIN = join(projectRoot, 'systemd/bin');

describe('the kill points of the scripts', () => {
  it('are all listed in kill-points.ts, and each one is in one place of the scripts', () => {
    const named = readdirSync(BIN).flatMap((script) =>
      [...readFileSync(join(BIN, script), 'utf8').matchAll(/^(?!\s*#).*?(?:&&|^)\s*at ([a-z-]+)/gm)].map(
        ([, name]) => name,
      ),
    );
    const listed = Object.values(points).flat();
    assert.deepEqual(named.toSorted(), listed.toSorted());
  });
});
