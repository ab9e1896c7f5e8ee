/**
 * `npm run demo [-- --keep]`: one machine of a mesh, from the official package to an upgrade, a move, a bad release,
 * and other versions of the agent, in under a minute. Without root and network: control plane, downloads and systemd
 * are embedded; the agent and its scripts are the real ones. Ends with 1 if anything is different from what the demo
 * says.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { NotInTime } from '../support/until.ts';
import { Interruption } from './interrupted.ts';
import { keep } from './keep.ts';
import { lacking } from './requirements.ts';
import { SCENES } from './scenes.ts';
import { Screen } from './screen.ts';
import { NotAsTold, Stage } from './stage.ts';

/** A pause after each scene, only at a terminal. */
const PAUSE_MS = 1500;

const { values } = parseArgs({ options: { keep: { type: 'boolean', default: false } } });
const screen = new Screen(process.stdout, process.env);
const missing = lacking(process.platform, process.env.PATH ?? '');
if (missing.length > 0) {
  process.stderr.write(
    `cannot run the demo on this machine. Missing:\n${missing.map((reason) => `  - ${reason}\n`).join('')}`,
  );
  process.exitCode = 1;
} else {
  process.exitCode = await demo();
}

/** Resolves with the exit status. Never leaves anything behind. */
async function demo(): Promise<number> {
  const started = performance.now();
  screen.title(
    'smm-agent: one machine of a mesh',
    'The agent and its scripts are real.',
    'The control plane, the downloads and systemd are embedded in this demo.',
    'Everything is in one temporary folder.',
  );
  using interruption = new Interruption().watch();
  await using stage = await Stage.set(screen);
  interruption.onExit = () => stage.discard();
  if (interruption.signal !== null) return interruption.status;
  try {
    await Promise.race([story(stage), interruption.happened]);
    screen.plain(`\nAll checks passed, in ${Math.round((performance.now() - started) / 1000)} s.`);
    if (values.keep) await keep(stage, interruption.happened);
    return 0;
  } catch (error) {
    // The commands of a scene receive Ctrl-C too, so their failure may be seen before the signal.
    await sleep(100);
    if (interruption.signal !== null) return interruption.status;
    if (!(error instanceof NotAsTold || error instanceof NotInTime)) throw error;
    screen.failure(error.message);
    return 1;
  }
}

async function story(stage: Stage): Promise<void> {
  for (const scene of SCENES) {
    await scene(stage);
    // Time to read.
    if (process.stdout.isTTY) await sleep(PAUSE_MS);
  }
}
