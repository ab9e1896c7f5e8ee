/**
 * Packs a folder with dpkg-deb, as distributors of Istio do who build with Debian's own tools: with what lintian asks
 * for (copyright, changelog, overrides) and what auditors ask for (a bill of materials, the licenses of everything that
 * was linked in).
 */
import { execFile } from 'node:child_process';
import { chmod, copyFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { CONFFILES, controlFile, type DebFacts } from './facts.ts';

const execute = promisify(execFile);

/** A path of more than 100 bytes, for which tar needs an entry of its own. */
export const LONG_PATH = `usr/share/doc/istio-sidecar/licenses/github.com/${'a-long-name-of-an-organisation/'.repeat(4)}LICENSE`;

/** Writes the package to `file`; adds documents to `tree`. */
export async function packAsDpkg(tree: string, file: string, facts: DebFacts): Promise<void> {
  const documents: [string, string | Buffer][] = [
    [`usr/share/doc/${facts.name}/copyright`, 'Files: *\nCopyright: Istio Authors\nLicense: Apache-2.0\n'],
    [
      `usr/share/doc/${facts.name}/changelog.Debian.gz`,
      gzipSync(`${facts.name} (${facts.version}) stable; urgency=medium\n`),
    ],
    [`usr/share/lintian/overrides/${facts.name}`, `${facts.name}: statically-linked-binary\n`],
    [`usr/share/doc/${facts.name}/sbom.spdx.json`, '{"spdxVersion": "SPDX-2.3"}\n'],
    [LONG_PATH, 'Apache License\n'],
  ];
  for (const [path, content] of documents) {
    await mkdir(join(tree, dirname(path)), { recursive: true });
    await writeFile(join(tree, path), content);
  }
  const control = join(tree, 'DEBIAN');
  await mkdir(control);
  try {
    await writeFile(join(control, 'conffiles'), `${CONFFILES.join('\n')}\n`);
    await writeFile(join(control, 'control'), controlFile(facts, null));
    await copyFile(facts.postinst, join(control, 'postinst'));
    await chmod(join(control, 'postinst'), 0o755);
    await chmod(control, 0o755);
    const level = facts.fast && facts.compression !== 'none' ? ['-z1'] : [];
    await execute('dpkg-deb', ['--root-owner-group', `-Z${facts.compression}`, ...level, '--build', tree, file]);
  } finally {
    await rm(control, { recursive: true, force: true });
  }
}
