/**
 * What was learnt about releases: confirmed ones came up and stayed, rejected ones did not. A file for each, since
 * `istio-activate` reads and writes them too, in shell and without the agent: `confirmed/<id>` is empty, and
 * src/host/rejections.ts describes `rejected/<id>`.
 */
import { join } from 'node:path';
import type { Clock } from '../../host/clock.ts';
import { makeFolder, namesIn, removeFile, writeAtomically } from '../../host/files/files.ts';
import { Rejections } from '../../host/rejections.ts';
import { RELEASE_ID, type ReleaseId } from '../release.ts';

export class ReleaseFindings {
  readonly rejections: Rejections;
  readonly #confirmed: string;

  /** `state` is the agent's folder of findings. */
  constructor(state: string, clock: Clock) {
    this.rejections = new Rejections(join(state, 'istio'), RELEASE_ID, clock);
    this.#confirmed = join(state, 'istio', 'confirmed');
  }

  /** Rejects with SMM520 when the folder cannot be read: that is not the same as none. */
  async confirmed(): Promise<Set<ReleaseId>> {
    return new Set((await namesIn(this.#confirmed)).filter((name) => RELEASE_ID.test(name)));
  }

  async confirm(id: ReleaseId): Promise<void> {
    await makeFolder(this.#confirmed, 0o755);
    await writeAtomically(join(this.#confirmed, id), '', { mode: 0o644 });
  }

  /** Withdraws a confirmation, for a release whose folder is gone. */
  async forgetConfirmed(id: ReleaseId): Promise<void> {
    await removeFile(join(this.#confirmed, id));
  }
}
