/** Runs an upgrade of the agent as a program, which can be killed at a kill point. Argument: folder of a scene. */
import { restart } from '../../src/turn/act/own-version.ts';
import { NEW, OLD, UpgradeScene } from './scene.ts';

if (import.meta.main) {
  const scene = UpgradeScene.at(process.argv[2] ?? '');
  await scene.upgrade(OLD, NEW);
  await restart(scene);
}

/** Path of this program. */
export const UPGRADE_PROGRAM = import.meta.filename;
