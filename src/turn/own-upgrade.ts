/** The upgrade of the agent in a turn that cannot be completed. */
import { describeError } from '../base/errors.ts';
import type { Target } from '../control-plane/target/target.ts';
import { decideOwn } from '../decision/own-version.ts';
import { isOnProbation } from '../observation/observation.ts';
import type { TurnDependencies, TurnOptions } from './dependencies.ts';
import { take } from './take.ts';

/**
 * A turn may fail because of a bug in this version. An upgrade may be the fix, so only that is tried. The caller
 * rethrows `cause`; a second error is reported only if it differs.
 */
export async function onlyOwnUpgrade(
  dependencies: TurnDependencies,
  { clock, tell, signal }: TurnOptions,
  asked: () => Promise<Target>,
  cause: unknown,
): Promise<void> {
  try {
    // The answer includes the wanted version of the agent.
    await asked();
    // The first round is the upgrade, the second one the restart.
    for (let round = 0; round < 2; round++) {
      const agent = await dependencies.observeAgent();
      // A version on probation that completes no turn is rolled back by the scripts.
      if (isOnProbation({ agent })) return;
      const [agentWanted, attempts] = [await dependencies.wantedAgent(), await dependencies.attempts()];
      const step = decideOwn({ observation: { agent, at: clock.now() }, agentWanted, attempts });
      if (step === null) return;
      // This may be the last log line of this process, so it names the cause.
      const text = `${step.why}; the running version cannot complete its turn: ${describeError(cause)}`;
      tell({ kind: 'begun', step: step.do, text });
      if ((await take(dependencies, step, tell, signal)) !== null) return;
    }
  } catch (error) {
    signal.throwIfAborted();
    const text = `cannot check for another version of the agent: ${describeError(error)}`;
    const remedy = 'nothing: the next poll tries again';
    if (describeError(error) !== describeError(cause)) tell({ kind: 'failed', step: 'upgrade-agent', text, remedy });
  }
}
