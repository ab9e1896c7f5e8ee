/** Packages that dpkg-deb would not make: a deb is an `ar` archive of a version and two tar archives. */
import { writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { PACKAGE_PATHS } from '../../../src/istio/package/format.ts';
import { HOST_ARCHITECTURE } from '../../sandbox/istio-package.ts';

export interface RawEntry {
  name: string;
  /** Type flag of tar: 0 file, 1 hard link, 2 symbolic link, 3 device, 5 folder, 6 pipe, x and L extensions. */
  type?: string;
  content?: string;
  target?: string;
  /** Written instead of the content's length, in octal. */
  size?: number;
}

/** A tar archive with these entries. They are not checked. */
export function rawTar(entries: RawEntry[]): Buffer {
  const blocks = entries.flatMap(({ name, type = '0', content = '', target = '', size }) => {
    const header = Buffer.alloc(512);
    header.write(name, 0, 100);
    header.write('0000755\0', 100);
    header.write('0000000\0', 108);
    header.write('0000000\0', 116);
    header.write(`${(size ?? Buffer.byteLength(content)).toString(8).padStart(11, '0')}\0`, 124);
    header.write('00000000000\0', 136);
    header.write(' '.repeat(8), 148);
    header.write(type, 156);
    header.write(target, 157, 100);
    header.write('ustar\0', 257);
    header.write('00', 263);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    const body = Buffer.alloc(Math.ceil(Buffer.byteLength(content) / 512) * 512);
    body.write(content);
    return [header, body];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

/** A path (L) or the target of a link (K) of the entry that follows, as GNU tar writes it. */
export function longName(path: string, type: 'L' | 'K' = 'L'): RawEntry {
  return { name: '././@LongLink', type, content: `${path}\0` };
}

/** The six files of an Istio package as entries. */
export function sixFiles(): RawEntry[] {
  return Object.values(PACKAGE_PATHS).map((path) => ({ name: `./${path}`, content: `content of ${path}` }));
}

/** The control file of a package that is all right. */
export const CONTROL: RawEntry = {
  name: './control',
  content: `Package: istio-sidecar
Version: 1.31.0
Architecture: ${HOST_ARCHITECTURE}
Maintainer: tests <tests@example.com>
Description: test
 in two lines
`,
};

/** Writes a deb whose archives are these, cut or damaged as the caller likes. */
export async function writeRawDeb(file: string, data: Buffer, control: Buffer = rawTar([CONTROL])): Promise<void> {
  await writeMembers(file, [
    ['debian-binary', Buffer.from('2.0\n')],
    ['control.tar.gz', gzipSync(control)],
    ['data.tar', data],
  ]);
}

export async function writeMembers(file: string, members: [string, Buffer][]): Promise<void> {
  const parts = members.flatMap(([name, content]) => {
    const head = `${name.padEnd(16)}${'0'.padEnd(12)}${'0'.padEnd(6)}${'0'.padEnd(6)}${'100644'.padEnd(8)}${String(content.length).padEnd(10)}\`\n`;
    return [Buffer.from(head), content, Buffer.alloc(content.length % 2, '\n')];
  });
  await writeFile(file, Buffer.concat([Buffer.from('!<arch>\n'), ...parts]));
}
