/**
 * /usr/share/doc/smm-agent/copyright: the licences of the agent, of the packages that are bundled with it, and of Node.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Manifest {
  name: string;
  version: string;
  license?: string;
  /** As older packages have it. */
  licenses?: { type: string }[];
}

/**
 * The texts one after the other, each under the name of what it covers. A
 * bundled package without a licence is an error: it may not be shipped.
 */
export function copyrightText(
  projectRoot: string,
  bundled: readonly string[],
  nodeLicence: string,
  nodeVersion: string,
): string {
  const own = readFileSync(join(projectRoot, 'LICENSE'), 'utf8');
  const parts = [
    section('smm-agent (Apache-2.0)', own),
    ...bundled.map((name) => {
      const folder = join(projectRoot, 'node_modules', name);
      const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest;
      const license = manifest.license ?? manifest.licenses?.map(({ type }) => type).join(' OR ');
      if (license === undefined) throw new Error(`cannot ship ${name}: it names no licence`);
      return section(
        `${name} ${manifest.version} (${license}), part of smm-agent.js`,
        textIn(folder) ?? `Licensed under ${license}.\n`,
      );
    }),
    section(`Node.js ${nodeVersion}, /opt/smm-agent/runtimes`, nodeLicence),
  ];
  return parts.join('\n');
}

function textIn(folder: string): string | null {
  const file = readdirSync(folder)
    .sort()
    .find((name) => /^licen[cs]e(\.(md|txt))?$/i.test(name));
  return file !== undefined && existsSync(join(folder, file)) ? readFileSync(join(folder, file), 'utf8') : null;
}

function section(title: string, text: string): string {
  return `${'='.repeat(78)}\n${title}\n${'='.repeat(78)}\n\n${text.trimEnd()}\n`;
}
