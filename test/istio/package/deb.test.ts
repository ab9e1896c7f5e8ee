import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { lstat, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { crc32 } from 'node:zlib';
import { AgentError } from '../../../src/base/errors.ts';
import { debFormat } from '../../../src/istio/package/deb.ts';
import {
  type Destinations,
  PACKAGE_PATHS,
  type PackageFile,
  type UnpackedFile,
} from '../../../src/istio/package/format.ts';
import { buildIstioPackage, type IstioPackageOptions } from '../../sandbox/istio-package.ts';
import { LONG_PATH } from '../../support/packages/dpkg.ts';
import type { Compression } from '../../support/packages/facts.ts';
import { temporaryFolder } from '../../support/temporary.ts';
import { CONTROL, longName, type RawEntry, rawTar, sixFiles, writeMembers, writeRawDeb } from './raw-deb.ts';

const FILES = Object.keys(PACKAGE_PATHS) as PackageFile[];

async function into(folder: string): Promise<Destinations> {
  await mkdir(folder);
  const entries = FILES.map((file) => [file, { path: join(folder, file), mode: 0o755 }]);
  return Object.fromEntries(entries);
}

const COMPRESSIONS = ['gzip', 'xz', 'zstd', 'none'] satisfies Compression[];
const PACKINGS: Pick<IstioPackageOptions, 'layout' | 'compression'>[] = [
  // The others, as fpm packs them, need programs that not every machine has: test:real has all four.
  { layout: 'fpm', compression: 'gzip' },
  { layout: 'fpm', compression: 'none' },
  ...COMPRESSIONS.map((compression) => ({ layout: 'dpkg', compression }) as const),
];

describe('a package of upstream', () => {
  for (const packing of PACKINGS) {
    it(`is unpacked when ${packing.layout} has packed it with ${packing.compression}`, async () => {
      await using folder = await temporaryFolder();
      const file = join(folder.path, 'istio.deb');
      await buildIstioPackage(file, { version: '1.31.0', ...packing });
      const unpacked = await debFormat.unpack(file, await into(join(folder.path, 'out')));
      for (const name of FILES) {
        const path = join(folder.path, 'out', name);
        const content = await readFile(path);
        const sha256 = createHash('sha256').update(content).digest('hex');
        assert.deepEqual(unpacked[name], { sha256, size: content.length });
        assert.equal((await lstat(path)).mode & 0o7777, 0o755);
      }
      assert.deepEqual(await readFile(join(folder.path, 'out', 'envoy')), await readFile('/bin/sleep'));
    });
  }

  it('is the same with its unit under /usr/lib, and without "./" before the paths', async () => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, 'istio.deb');
    const entries = sixFiles().map((entry) => ({ ...entry, name: entry.name.replace('./', '') }));
    await writeRawDeb(file, rawTar([{ name: 'usr/lib/systemd/', type: '5' }, ...entries]));
    await debFormat.unpack(file, await into(join(folder.path, 'out')));
    assert.equal(await readFile(join(folder.path, 'out/unit'), 'utf8'), `content of ${PACKAGE_PATHS.unit}`);
  });

  const packers: { layout: 'fpm' | 'dpkg'; documents: string[] }[] = [
    { layout: 'fpm', documents: ['./usr/share/doc/istio-sidecar/changelog.gz'] },
    {
      layout: 'dpkg',
      documents: [
        './usr/share/doc/istio-sidecar/changelog.Debian.gz',
        './usr/share/doc/istio-sidecar/copyright',
        './usr/share/doc/istio-sidecar/sbom.spdx.json',
        './usr/share/lintian/overrides/istio-sidecar',
        `./${LONG_PATH}`,
      ],
    },
  ];
  for (const { layout, documents } of packers) {
    it(`is used without what ${layout} adds to the six files, which is named, hashed and not written`, async () => {
      await using folder = await temporaryFolder();
      const file = join(folder.path, 'istio.deb');
      await buildIstioPackage(file, { version: '1.31.0', layout });
      const passedOver = new Map<string, UnpackedFile>();
      await debFormat.unpack(file, await into(join(folder.path, 'out')), {
        onPassedOver: (path, document) => void passedOver.set(path, document),
      });
      assert.deepEqual((await readdir(join(folder.path, 'out'))).sort(), [...FILES].sort());
      assert.deepEqual(
        [...passedOver.keys()].filter((path) => !documents.includes(path)),
        [],
      );
      for (const path of documents) {
        const content = execFileSync('/bin/sh', [
          '-c',
          'dpkg-deb --fsys-tarfile "$1" | tar -xO "$2"',
          'sh',
          file,
          path,
        ]);
        const sha256 = createHash('sha256').update(content).digest('hex');
        assert.deepEqual(passedOver.get(path), { sha256, size: content.length });
      }
    });
  }

  it('is checked whole, also where only some of its files are wanted', async () => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, 'istio.deb');
    await buildIstioPackage(file, { version: '1.31.0' });
    const all = await into(join(folder.path, 'out'));
    const unpacked = await debFormat.unpack(file, { envoy: all.envoy as { path: string; mode: number } });
    assert.deepEqual(await readdir(join(folder.path, 'out')), ['envoy']);
    assert.equal(Object.keys(unpacked).length, 6);
  });
});

describe('a package that is not whole and nothing but an Istio package', () => {
  const six = sixFiles();
  const withEntry = (...entries: RawEntry[]) => rawTar([...six, ...entries]);
  const without = (file: PackageFile) => rawTar(six.filter(({ name }) => name !== `./${PACKAGE_PATHS[file]}`));
  const linked = (type: string) =>
    rawTar(six.map((entry) => (entry.name.endsWith('/envoy') ? { name: entry.name, type, target: '/bin/sh' } : entry)));
  const refused: { what: string; data: Buffer; code: string; says: RegExp }[] = [
    ...FILES.map((file) => ({
      what: `lacks ${PACKAGE_PATHS[file]}`,
      data: without(file),
      code: 'SMM431',
      says: new RegExp(`it lacks /${PACKAGE_PATHS[file]}$`),
    })),
    {
      what: 'has a symbolic link for envoy',
      data: linked('2'),
      code: 'SMM430',
      says: /it has a link: .*envoy" -> "\/bin\/sh"/,
    },
    { what: 'has a hard link for envoy', data: linked('1'), code: 'SMM430', says: /it has a link/ },
    {
      what: 'has a link outside of the six',
      data: withEntry({ name: './etc/istio', type: '2', target: '/etc' }),
      code: 'SMM430',
      says: /it has a link: "\.\/etc\/istio" -> "\/etc"/,
    },
    {
      what: 'has a path with ..',
      data: withEntry({ name: './usr/../../etc/passwd' }),
      code: 'SMM430',
      says: /a path that leaves its folder: "\.\/usr\/\.\.\/\.\.\/etc\/passwd"/,
    },
    {
      what: 'has an absolute path',
      data: withEntry({ name: '/etc/passwd' }),
      code: 'SMM430',
      says: /an absolute path: "\/etc\/passwd"/,
    },
    {
      what: 'has a device',
      data: withEntry({ name: './dev/sda', type: '4' }),
      code: 'SMM430',
      says: /a device or pipe: "\.\/dev\/sda"/,
    },
    { what: 'has a pipe', data: withEntry({ name: './run/x', type: '6' }), code: 'SMM430', says: /a device or pipe/ },
    {
      what: 'has one of the six under another spelling',
      data: withEntry({ name: './usr/local//bin/./envoy' }),
      code: 'SMM430',
      says: /a path with empty parts: "\.\/usr\/local\/\/bin\/\.\/envoy"/,
    },
    {
      what: 'has a link among what is passed over',
      data: withEntry({ name: './usr/share/doc/istio-sidecar/NEWS', type: '2', target: 'changelog.gz' }),
      code: 'SMM430',
      says: /it has a link/,
    },
    { what: 'has a file twice', data: withEntry(six[0] as RawEntry), code: 'SMM430', says: /a file twice/ },
    {
      what: 'has too many entries',
      data: withEntry(...Array.from({ length: 300 }, (_, i) => ({ name: `./usr/d${i}/`, type: '5' }))),
      code: 'SMM430',
      says: /more than 200 entries/,
    },
    {
      what: 'would unpack to gigabytes',
      data: rawTar([{ name: './usr/local/bin/envoy', size: 3_000_000_000 }]),
      code: 'SMM430',
      says: /larger than 2000 MB/,
    },
    {
      what: 'hides a path in a pax extension',
      data: withEntry({ name: './pax', type: 'x', content: '20 path=/etc/passwd\n' }),
      code: 'SMM432',
      says: /an extension \(type "x"\)/,
    },
    ...['g', 'S', 'M', 'V'].map((type) => ({
      what: `uses the extension ${type}, which dpkg does not install`,
      data: withEntry({ name: './pax', type, content: 'x' }),
      code: 'SMM432',
      says: /an extension/,
    })),
    {
      what: 'hides an absolute path in a long name',
      data: withEntry(longName(`/etc/${'a/'.repeat(100)}passwd`), { name: './usr/share/doc/plain' }),
      code: 'SMM430',
      says: /an absolute path: "\/etc\/a/,
    },
    {
      what: 'has a link with a long target',
      data: withEntry(longName(`/${'a/'.repeat(100)}`, 'K'), { name: './x', type: '2', target: 'a' }),
      code: 'SMM430',
      says: /it has a link: "\.\/x" -> "\/a\/a/,
    },
    {
      what: 'has a path without end',
      data: withEntry(longName('a'.repeat(5000))),
      code: 'SMM432',
      says: /a path of 5001 bytes/,
    },
    {
      what: 'has two paths for a file',
      data: withEntry(longName('a'), longName('b')),
      code: 'SMM432',
      says: /two paths/,
    },
    { what: 'ends after a path', data: withEntry(longName('a')), code: 'SMM432', says: /ends after a path/ },
    {
      what: 'goes on after its end',
      data: Buffer.concat([rawTar(six), Buffer.alloc(2_000_000)]),
      code: 'SMM432',
      says: /goes on after its end/,
    },
    {
      what: 'is cut in the middle of a file',
      data: rawTar(six).subarray(0, 700),
      code: 'SMM432',
      says: /in the middle of a file/,
    },
    { what: 'is no tar archive', data: Buffer.alloc(4096, 'x'), code: 'SMM432', says: /not octal/ },
    {
      what: 'has a header with a flipped bit',
      data: Buffer.from(rawTar(six).map((byte, index) => (index === 3 ? byte ^ 1 : byte))),
      code: 'SMM432',
      says: /checksum/,
    },
  ];
  for (const { what, data, code, says } of refused) {
    it(`is refused when it ${what}`, async () => {
      await using folder = await temporaryFolder();
      const file = join(folder.path, 'istio.deb');
      await writeRawDeb(file, data);
      const destinations = await into(join(folder.path, 'out'));
      await assert.rejects(debFormat.unpack(file, destinations), { name: 'AgentError', code, message: says });
    });
  }

  const built: { what: string; options: Partial<IstioPackageOptions>; code: string; says: RegExp }[] = [
    {
      what: 'for another architecture',
      options: { architecture: 's390x' },
      code: 'SMM435',
      says: /1\.31\.0 for s390x, wanted is/,
    },
    { what: 'of another name', options: { packageName: 'nginx' }, code: 'SMM435', says: /it is nginx 1\.31\.0/ },
    {
      what: 'with a link that tar packed',
      options: { change: (tree) => symlink('/etc', join(tree, 'usr/local/bin/more')) },
      code: 'SMM430',
      says: /it has a link/,
    },
  ];
  for (const { what, options, code, says } of built) {
    it(`is refused when it is ${what}`, async () => {
      await using folder = await temporaryFolder();
      const file = join(folder.path, 'istio.deb');
      await buildIstioPackage(file, { version: '1.31.0', ...options });
      const destinations = await into(join(folder.path, 'out'));
      await assert.rejects(debFormat.unpack(file, destinations), { name: 'AgentError', code, message: says });
    });
  }

  it('is refused when its compressed data are damaged', async () => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, 'istio.deb');
    await buildIstioPackage(file, { version: '1.31.0', layout: 'dpkg', compression: 'xz' });
    const content = await readFile(file);
    content.fill(0, content.length - 4000, content.length - 3000);
    await writeFile(file, content);
    const destinations = await into(join(folder.path, 'out'));
    await assert.rejects(debFormat.unpack(file, destinations), { code: 'SMM433', message: /cannot unpack/ });
  });

  it('is refused when it is no package at all', async () => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, 'istio.deb');
    await writeFile(file, '<html>please log in</html>');
    await assert.rejects(debFormat.unpack(file, {}), { code: 'SMM433' });
  });
});

describe('a package whose control archive is not what it should be', () => {
  const text = CONTROL.content ?? '';
  const refused: { what: string; control: RawEntry[]; code?: string; says: RegExp }[] = [
    {
      what: 'unpacks to more than any has',
      control: [{ name: './templates', content: 'x'.repeat(20_000_000) }, CONTROL],
      says: /its control files are larger than 8388608 bytes/,
    },
    {
      what: 'says so only in its header',
      control: [CONTROL, { name: './md5sums', size: 4_000_000_000 }],
      says: /its control files are larger/,
    },
    {
      what: 'has a control file of a megabyte',
      control: [{ ...CONTROL, content: `${text} ${'x'.repeat(1e6)}\n` }],
      says: /its control file is larger than 65536 bytes/,
    },
    {
      what: 'has too many files',
      control: [CONTROL, ...Array.from({ length: 200 }, (_, i) => ({ name: `./${i}` }))],
      says: /more than 100 control files/,
    },
    { what: 'has two control files', control: [CONTROL, CONTROL], says: /two control files/ },
    {
      what: 'has a link for it',
      control: [{ name: './control', type: '2', target: '/etc/passwd' }],
      says: /is not a file/,
    },
    { what: 'has none', control: [{ name: './md5sums' }], says: /it has no control file/ },
    {
      what: 'names a field twice',
      control: [{ ...CONTROL, content: `${text}package: nginx\n` }],
      says: /package twice/,
    },
    { what: 'has a line that is no field', control: [{ ...CONTROL, content: `hello\n${text}` }], says: /not a field/ },
    {
      what: 'has a name that is none',
      control: [{ ...CONTROL, content: text.replace('istio-sidecar', 'istio-sidecar \u001b[2J') }],
      says: /names no usable package/,
    },
    { what: 'is no tar archive', control: [{ name: './control', type: 'x' }], code: 'SMM432', says: /an extension/ },
  ];
  for (const { what, control, code = 'SMM430', says } of refused) {
    it(`is refused when it ${what}`, async () => {
      await using folder = await temporaryFolder();
      const file = join(folder.path, 'istio.deb');
      await writeRawDeb(file, rawTar(sixFiles()), rawTar(control));
      const destinations = await into(join(folder.path, 'out'));
      await assert.rejects(debFormat.unpack(file, destinations), { name: 'AgentError', code, message: says });
      assert.deepEqual(await readdir(join(folder.path, 'out')), []);
    });
  }

  it('is refused when xz wants gigabytes of memory for it', async () => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, 'istio.deb');
    await buildIstioPackage(file, { version: '1.31.0', layout: 'dpkg', compression: 'xz' });
    const members = membersOf(await readFile(file));
    for (const [, content] of members) wantMemory(content);
    await writeMembers(file, members);
    const destinations = await into(join(folder.path, 'out'));
    await assert.rejects(debFormat.unpack(file, destinations), { code: 'SMM433', message: /allocate memory/ });
  });
});

function membersOf(deb: Buffer): [string, Buffer][] {
  const members: [string, Buffer][] = [];
  for (let at = 8; at < deb.length; ) {
    const size = Number(deb.toString('latin1', at + 48, at + 58));
    members.push([deb.toString('latin1', at, at + 16).trimEnd(), deb.subarray(at + 60, at + 60 + size)]);
    at += 60 + size + (size % 2);
  }
  return members;
}

/**
 * Changes the header of the first block (xz-file-format, 3.1): its one filter is LZMA2, whose one property is the size
 * of the dictionary.
 */
function wantMemory(xz: Buffer): void {
  const header = 12;
  if (xz[0] !== 0xfd) return;
  const end = header + ((xz[header] ?? 0) + 1) * 4 - 4;
  const at = xz.indexOf(Buffer.from([0x21, 0x01]), header);
  assert.ok(at > header && at < end);
  // 3 GiB.
  xz[at + 2] = 39;
  xz.writeUInt32LE(crc32(xz.subarray(header, end)), end);
}

describe('unpacking', () => {
  it('ends with the reason of the signal when it is aborted', async () => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, 'istio.deb');
    await buildIstioPackage(file, { version: '1.31.0' });
    const reason = new Error('the agent is stopping');
    const unpacking = debFormat.unpack(file, await into(join(folder.path, 'out')), {
      signal: AbortSignal.abort(reason),
    });
    await assert.rejects(unpacking, reason);
  });

  it('never writes over a file that is there', async () => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, 'istio.deb');
    await buildIstioPackage(file, { version: '1.31.0' });
    const destinations = await into(join(folder.path, 'out'));
    await writeFile(join(folder.path, 'out/envoy'), 'here before');
    await assert.rejects(
      debFormat.unpack(file, destinations),
      (error) => error instanceof AgentError && error.code === 'SMM521',
    );
    assert.equal(await readFile(join(folder.path, 'out/envoy'), 'utf8'), 'here before');
  });
});
