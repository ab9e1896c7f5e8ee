/** Runs the confirmation of a version on probation as a program. Argument: folder of a scene. */
import { AgentHistory } from '../../src/history/keeper.ts';
import { confirmVersion } from '../../src/versions/confirm.ts';
import { readProbation } from '../../src/versions/probation.ts';
import { UpgradeScene } from './scene.ts';

if (import.meta.main) {
  const { paths } = UpgradeScene.at(process.argv[2] ?? '');
  const probation = await readProbation(paths);
  if (probation === null) throw new Error('cannot confirm: no version is on probation');
  const history = new AgentHistory(paths);
  await confirmVersion(paths, probation, () => history.noteConfirmed(probation, new Date(), false));
}

/** Path of this program. */
export const CONFIRMATION_PROGRAM = import.meta.filename;
