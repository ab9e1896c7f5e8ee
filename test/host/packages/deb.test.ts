import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { lstat, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { AgentError } from '../../../src/errors.ts';
import { debFormat } from '../../../src/host/packages/deb.ts';
import { type Destinations, PACKAGE_PATHS, type PackageFile } from '../../../src/host/packages/format.ts';
import { buildIstioPackage, type Compression, type IstioPackageOptions } from '../../sandbox/istio-package.ts';
import { temporaryFolder } from '../../temporary.ts';
import { type RawEntry, rawTar, sixFiles, writeRawDeb } from './raw-deb.ts';

const FILES = Object.keys(PACKAGE_PATHS) as PackageFile[];

async function into(folder: string): Promise<Destinations> {
  await mkdir(folder);
  const entries = FILES.map((file) => [file, { path: join(folder, file), mode: 0o755 }]);
  return Object.fromEntries(entries);
}

describe('a package of upstream', () => {
  for (const compression of ['gzip', 'xz', 'zstd', 'none'] satisfies Compression[]) {
    it(`is unpacked when it is compressed with ${compression}`, async () => {
      await using folder = await temporaryFolder();
      const file = join(folder.path, 'istio.deb');
      await buildIstioPackage(file, { version: '1.31.0', compression });
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
      what: 'has a file more',
      data: withEntry({ name: './etc/cron.d/evil' }),
      code: 'SMM430',
      says: /a file that is none of Istio's: "\.\/etc\/cron\.d\/evil"/,
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
    {
      what: 'hides a path in a long name',
      data: withEntry({ name: '././@LongLink', type: 'L' }),
      code: 'SMM432',
      says: /an extension/,
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
      what: 'with a link that dpkg-deb packed',
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
    await buildIstioPackage(file, { version: '1.31.0', compression: 'xz' });
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
