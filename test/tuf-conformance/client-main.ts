/**
 * The agent's client of the signed repository, with the command line of theupdateframework/tuf-conformance (its
 * CLIENT-CLI.md). Uses SignedRepository like a turn of the agent. README.md in this folder says how to run the suite.
 */
import { copyFile, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { AgentError, describeError } from '../../src/base/errors.ts';
import { SignedRepository } from '../../src/downloads/signed/signed-repository.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    'metadata-dir': { type: 'string' },
    'metadata-url': { type: 'string' },
    'target-name': { type: 'string', multiple: true, default: [] },
    'target-dir': { type: 'string' },
    'target-base-url': { type: 'string' },
  },
});

function required(name: 'metadata-dir' | 'metadata-url' | 'target-dir' | 'target-base-url'): string {
  const value = values[name];
  if (value === undefined) throw new Error(`--${name} is missing`);
  return value;
}

/** The agent has one URL, with metadata and targets below it, as in the suite. */
function baseUrl(): string {
  const base = required('metadata-url').replace(/\/metadata\/?$/, '');
  const targets = values['target-base-url'];
  if (targets !== undefined && targets.replace(/\/$/, '') !== `${base}/targets`) {
    throw new Error(`${targets} is not beside ${required('metadata-url')}`);
  }
  return base;
}

/** A folder that the suite does not read: for the installed root and the cache of the agent. */
function ownFolder(): string {
  return join(required('metadata-dir'), 'agent');
}

function rootFile(): string {
  return join(ownFolder(), 'shipped-root');
}

function repository(): SignedRepository {
  return new SignedRepository({
    url: baseUrl(),
    rootFile: rootFile(),
    cacheFolder: join(ownFolder(), 'cache'),
    downloads: values['target-dir'] ?? join(ownFolder(), 'downloads'),
    caFile: null,
    allowHttp: true,
  });
}

/** Copies the trusted metadata to where the suite reads it. The agent keeps every root under its version instead. */
async function show(): Promise<void> {
  const cache = join(ownFolder(), 'cache');
  const names = await readdir(cache).catch(() => []);
  for (const name of names.filter((candidate) => candidate.endsWith('.json'))) {
    await copyFile(join(cache, name), join(required('metadata-dir'), name));
  }
  const roots = await readdir(join(cache, 'roots')).catch(() => []);
  const newest = roots.toSorted((a, b) => Number.parseInt(b, 10) - Number.parseInt(a, 10))[0];
  if (newest !== undefined) await copyFile(join(cache, 'roots', newest), join(required('metadata-dir'), 'root.json'));
}

async function init([trustedRoot]: readonly string[]): Promise<void> {
  if (trustedRoot === undefined) throw new Error('init needs the trusted root');
  await rm(ownFolder(), { recursive: true, force: true });
  await mkdir(ownFolder(), { recursive: true });
  await copyFile(trustedRoot, rootFile());
  await copyFile(trustedRoot, join(required('metadata-dir'), 'root.json'));
}

async function refresh(): Promise<void> {
  try {
    await repository().refresh();
  } finally {
    await show();
  }
}

async function downloadTargets(): Promise<void> {
  required('target-dir');
  const client = repository();
  try {
    for (const name of values['target-name']) await client.fetch(await client.target(name));
  } finally {
    await show();
  }
}

const [command, ...rest] = positionals;
try {
  if (command === 'init') await init(rest);
  else if (command === 'refresh') await refresh();
  else if (command === 'download') await downloadTargets();
  else throw new Error(`there is no command ${command}`);
} catch (error) {
  console.error(error instanceof AgentError ? `${error.code} ${describeError(error)}` : error);
  process.exitCode = 1;
}
