/** A version whose sources have other migrations of the state than these. */
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundle } from '../../../packaging/bundle.ts';
import { projectRoot } from '../../../scripts/project.ts';
import type { Migration } from '../../../src/versions/state/migrations.ts';

export interface TestMigration extends Pick<Migration, 'to' | 'oldestReader'> {
  /** Name of a file of the state, which gets the number of the format. */
  writes: string;
}

/** The bundle of a copy of the sources, in which src/versions/state/migrations.ts has these. */
export async function bundleWith(migrations: readonly TestMigration[], version: string): Promise<string> {
  const copy = mkdtempSync(join(tmpdir(), 'smm-sources-'));
  try {
    for (const name of ['src', 'packaging', 'package.json', 'tsconfig.json']) {
      cpSync(join(projectRoot, name), join(copy, name), { recursive: true });
    }
    symlinkSync(join(projectRoot, 'node_modules'), join(copy, 'node_modules'));
    writeFileSync(join(copy, 'src/versions/state/migrations.ts'), source(migrations, version));
    return (await bundle(copy, version)).code;
  } finally {
    rmSync(copy, { recursive: true });
  }
}

function source(migrations: readonly TestMigration[], version: string): string {
  const entries = migrations.map(
    ({ to, oldestReader, writes }) => `{
      to: ${to},
      oldestReader: ${oldestReader},
      what: '${version} was here: ${writes}',
      run: ({ state }) => writeAtomically(join(state, '${writes}'), '${to}\\n', { mode: 0o644 }),
    }`,
  );
  return `import { join } from 'node:path';
import { writeAtomically } from '../../host/files/files.ts';
export const MIGRATIONS = [${entries.join(', ')}];
`;
}
