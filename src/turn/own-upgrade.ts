/** The way out of a turn that cannot be completed: another version of the agent. */
import { describeError } from '../base/errors.ts';
import type { Target } from '../control-plane/target/target.ts';
import { decideOwn } from '../decision/own-version.ts';
import { isOnProbation } from '../observation/observation.ts';
import type { TurnDependencies, TurnOptions } from './dependencies.ts';
import { take } from './take.ts';

/**
 * A turn may fail because of a bug in this version. An upgrade may be the fix, so only that is tried. The caller throws `cause` again; a
 * second error is told only if it says something else.
 */
export async function onlyOwnUpgrade(
  dependencies: TurnDependencies,
  { clock, tell, signal }: TurnOptions,
  asked: () => Promise<Target>,
  cause: unknown,
): Promise<void> {
  try {
    // The answer brings what is wanted of the agents.
    await asked();
    // The upgrade, and then the restart.
    for (let round = 0; round < 2; round++) {
      const agent = await dependencies.observeAgent();
      // A version on probation that completes no turn is left to the guard.
      if (isOnProbation({ agent })) return;
      const [agentWanted, attempts] = [await dependencies.wantedAgent(), await dependencies.attempts()];
      const step = decideOwn({ observation: { agent, at: clock.now() }, agentWanted, attempts });
      if (step === null) return;
      // This may be the last sentence of this process.
      const text = `${step.why}; this one cannot complete its turn: ${describeError(cause)}`;
      tell({ kind: 'begun', step: step.do, text });
      if ((await take(dependencies, step, tell, signal)) !== null) return;
    }
  } catch (error) {
    signal.throwIfAborted();
    const text = `cannot look for another version of the agent: ${describeError(error)}`;
    const remedy = 'it is tried again at the next poll';
    if (describeError(error) !== describeError(cause)) tell({ kind: 'failed', step: 'upgrade-agent', text, remedy });
  }
}
