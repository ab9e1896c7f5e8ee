/**
 * The official Istio downloads, or a mirror of them, in the control plane's namespace: same layout, real packages,
 * faults at will.
 */
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { assertAlive, startDaemon } from '../host/daemon.ts';
import { CONTROL_PLANE_ADDRESS } from '../host/network.ts';
import type { Lab } from '../lab.ts';
import { type Arch, hostArch } from '../parts/go-parts.ts';
import { digestFileOf } from '../parts/istio-package.ts';
import { until } from '../until.ts';

/** `path` is a regular expression on the URL's path. With `times` it holds for so many requests only. */
export type Fault = { readonly path: string; readonly times?: number } & (
  | { readonly kind: 'slow'; readonly bytesPerSecond: number }
  | { readonly kind: 'cut'; readonly afterBytes: number }
  | { readonly kind: 'wrong-bytes' }
  /** Says that the file has so many bytes. */
  | { readonly kind: 'length'; readonly bytes: number }
  | { readonly kind: 'status'; readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  | { readonly kind: 'hang' }
);

export interface DownloadRequest {
  readonly at: number;
  readonly method: string;
  readonly path: string;
  readonly range?: string;
  readonly userAgent?: string;
  readonly fault?: Fault['kind'];
}

export interface Downloads {
  /** The base: packages are at `<url>/<version>/deb/istio-sidecar.deb`, with `.sha256` beside each. */
  readonly url: string;
  publish(version: string, debPath: string, arch?: Arch): void;
  /** Any file, at a path below the base. */
  put(path: string, content: string | Buffer): void;
  /** A file as it is on disk, without a copy where that can be had; it must not change any more. */
  link(path: string, file: string): void;
  remove(path: string): void;
  /** From the next request on. The first one whose path matches counts. */
  setFaults(faults: readonly Fault[]): void;
  requests(): DownloadRequest[];
  stop(): Promise<void>;
}

/** With `tls` it has a certificate of the lab's own CA, the one of the API server. */
export async function startDownloads(lab: Lab, { tls = false }: { readonly tls?: boolean } = {}): Promise<Downloads> {
  const folder = join(lab.state.folder, `downloads-${process.hrtime.bigint()}`);
  mkdirSync(join(folder, 'files'), { recursive: true });
  const logFile = join(folder, 'server.log');
  const { certFile, keyFile } = lab.state.server.credentials;
  const daemon = startDaemon(lab.ledger, {
    what: 'the download server',
    netns: lab.state.netns,
    logFile,
    argv: [
      process.execPath,
      join(import.meta.dirname, 'downloads-main.ts'),
      folder,
      CONTROL_PLANE_ADDRESS,
      ...(tls ? [certFile, keyFile] : []),
    ],
  });
  const line = await until(
    'the download server to listen',
    () => {
      assertAlive(daemon);
      return readFileSync(logFile, 'utf8')
        .split('\n')
        .find((text) => text.startsWith('{'));
    },
    20_000,
  );
  const { port } = JSON.parse(line ?? '') as { port: number };
  return {
    url: `${tls ? 'https' : 'http'}://${CONTROL_PLANE_ADDRESS}:${port}`,
    publish: (version, debPath, arch = hostArch()) => publish(join(folder, 'files', version, 'deb'), debPath, arch),
    put: (path, content) => put(join(folder, 'files', path), content),
    link: (path, file) => link(file, join(folder, 'files', path)),
    remove: (path) => rmSync(join(folder, 'files', path), { recursive: true }),
    setFaults: (faults) => put(join(folder, 'faults.json'), JSON.stringify(faults)),
    requests: () => readRequests(join(folder, 'requests.jsonl')),
    async stop() {
      await daemon.stop();
      rmSync(folder, { recursive: true });
    },
  };
}

function publish(folder: string, debPath: string, arch: Arch): void {
  const name = arch === 'amd64' ? 'istio-sidecar.deb' : `istio-sidecar-${arch}.deb`;
  link(debPath, join(folder, name));
  put(join(folder, `${name}.sha256`), digestFileOf(debPath, name));
}

function link(file: string, path: string): void {
  mkdirSync(dirname(path), { recursive: true });
  rmSync(path, { force: true });
  try {
    linkSync(file, path);
  } catch (error) {
    // Another file system: what counts is that the bytes are there.
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
    copyFileSync(file, path);
  }
}

/** By rename: the server may read at any time. */
function put(path: string, content: string | Buffer): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.new`, content);
  renameSync(`${path}.new`, path);
}

function readRequests(file: string): DownloadRequest[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as DownloadRequest);
}
