/**
 * `npm run bench [-- idle|growth|staging|start|upgrade ...]`: measures the cost of the agent and of its references. Not
 * a test: the exit status only says whether everything could be measured. docs/benchmarks.md explains the results.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { bundle } from '../../packaging/bundle.ts';
import { packageJson, projectRoot } from '../../scripts/project.ts';
import { SandboxMesh } from '../sandbox/mesh.ts';
import { measureGrowth } from './growth.ts';
import { measureIdle } from './idle.ts';
import { Installation } from './installation.ts';
import { ISTIO } from './machines.ts';
import { growthRows, idleRows, type Row, stagingRow, startRow, table } from './results.ts';
import { measureStaging } from './staging.ts';
import { measureStart } from './start.ts';
import { measureUpgrade } from './upgrade.ts';
import { upgradeRows } from './upgrade-rows.ts';

type Part = (mesh: SandboxMesh, agent: Installation, floor: Installation) => Promise<Row[]>;

const PARTS: Record<string, Part> = {
  start: async (mesh, agent) => [startRow(await measureStart(mesh, agent))],
  staging: async (mesh, agent) => [stagingRow(await measureStaging(mesh, agent))],
  upgrade: async (mesh) => upgradeRows(await measureUpgrade(mesh)),
  idle: async (mesh, agent, floor) => idleRows(await measureIdle(mesh, agent, floor)),
  growth: async (mesh, agent) => growthRows(await measureGrowth(mesh, agent)),
};

/** The parts of a list run in parallel: idle agents only wait, and only their own memory and CPU time are counted. */
const ORDER: readonly (readonly string[])[] = [['start'], ['staging'], ['upgrade'], ['idle', 'growth']];

const chosen = process.argv.slice(2);
const unknown = chosen.filter((name) => !(name in PARTS));
if (unknown.length > 0)
  throw new Error(`cannot measure ${unknown.join(', ')}: choose from ${Object.keys(PARTS).join(', ')}`);

const folder = await mkdtemp(join(tmpdir(), 'smm-bench-'));
try {
  const { code } = await bundle(projectRoot, packageJson().version);
  const agent = await Installation.make(join(folder, 'agent'), code);
  const floorCode = await readFile(join(import.meta.dirname, 'floor.cjs'), 'utf8');
  const floor = await Installation.make(join(folder, 'floor'), floorCode);
  const rows: Row[] = [];
  const measure = async (name: string) => {
    const begunMs = performance.now();
    await using mesh = await SandboxMesh.make([{ name: 'default', version: ISTIO }]);
    const measured = (await PARTS[name]?.(mesh, agent, floor)) ?? [];
    console.log(`${name}: measured in ${Math.round((performance.now() - begunMs) / 1000)} s`);
    return measured;
  };
  for (const together of ORDER) {
    const names = together.filter((name) => chosen.length === 0 || chosen.includes(name));
    rows.push(...(await Promise.all(names.map(measure))).flat());
  }
  const memoryGb = Math.round(totalmem() / 2 ** 30);
  console.log(
    `\nNode ${process.versions.node}, ${cpus().length} cores, ${memoryGb} GB, load ${(await load()).join(' ')}\n`,
  );
  console.log(table(rows));
  const missed = rows.filter(({ isMet }) => isMet === false).map(({ what }) => what);
  console.log(missed.length === 0 ? '\nEvery target is met.' : `\nMissed: ${missed.join('; ')}.`);
} finally {
  await rm(folder, { recursive: true, force: true });
}

/** The load of this machine, which influences every number. */
async function load(): Promise<string[]> {
  return (await readFile('/proc/loadavg', 'utf8')).split(' ').slice(0, 3);
}
