/** The agent's own upgrade as a program of its own, which can be killed at a named point. Argument: folder of a scene. */
import { NEW, OLD, UpgradeScene } from './scene.ts';

if (import.meta.main) {
  const scene = UpgradeScene.at(process.argv[2] ?? '');
  await scene.upgrade(OLD, NEW);
}

/** Path of this program. */
export const KILLED_UPGRADE = import.meta.filename;
