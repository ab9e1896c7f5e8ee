import { it } from 'node:test';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { World } from './world.ts';
import { Agent, readMachineId } from '../../src/agent/agent.ts';
import { Mesh } from '../../src/agent/mesh.ts';
import { turn } from '../../src/agent/turn.ts';
import { loadConfig } from '../../src/config-file.ts';
import { Transport } from '../../src/control-plane/transport.ts';
import { systemClock } from '../../src/host/clock.ts';
import { systemdBelow } from '../../src/host/systemd-below.ts';
import { AGENT_VERSION } from '../../src/version.ts';

it('slow control plane', async () => {
  await using world = await World.make();
  const { paths } = world.machine;
  const loaded = await loadConfig(paths);
  if (loaded.state !== 'configured') throw new Error(JSON.stringify(loaded));
  await mkdir(dirname(paths.probation), { recursive: true });
  await writeFile(paths.probation, `id=abcd\nfrom=0.1.9\nto=${AGENT_VERSION}\nprevious=\nbegun=x\nboot=b\ndeadline=99\nspan=50\npower_cuts=0\nended=no\nextended=0\n`);
  const { send } = Transport.prototype;
  const t0 = Date.now();
  const at = () => ((Date.now() - t0) / 1000).toFixed(1);
  Transport.prototype.send = async function (exchange) {
    await new Promise((r) => setTimeout(r, 4500));
    console.log(at(), exchange.method, exchange.path.slice(0, 100));
    return send.call(this, exchange);
  };
  const mesh = new Mesh(loaded.config, { paths, machineId: await readMachineId(paths), clock: systemClock });
  const agent = new Agent({ paths, clock: systemClock, services: systemdBelow(paths), config: loaded.config, mesh, invocation: 'i-1' });
  const conclude = agent.concludeProbation.bind(agent);
  agent.concludeProbation = async (status) => { console.log(at(), 'concludes; answers so far', mesh.usage().answers, 'turn noted', existsSync(paths.turnRecord)); const r = await conclude(status); console.log(at(), r); return r; };
  const watcher = setInterval(() => { if (Date.now() - t0 > 50_000) { console.log(at(), 'deadline: turn noted', existsSync(paths.turnRecord), 'still on probation', existsSync(paths.probation)); clearInterval(watcher); } }, 500);
  await turn(agent, { config: loaded.config, clock: systemClock, ask: 'anew', nextPoll: null, tell: () => {}, signal: AbortSignal.timeout(100_000) }).catch((e) => console.log('turn', e));
  clearInterval(watcher);
  mesh.close();
});
