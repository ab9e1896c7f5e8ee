/**
 * A random walk over one machine: a step, then everything that must be so, again and again. The same seed takes the
 * same steps.
 */
import assert from 'node:assert/strict';
import type { AgentVm } from '../agent-vm.ts';
import { until } from '../lab/until.ts';
import { problems } from './invariants.ts';
import { look, type Seen } from './look.ts';
import { type Model, numbers } from './model.ts';
import { STEPS, type Step, type StepContext } from './steps.ts';

/**
 * From the end of a step until all is so again: Istio drains, starts, connects, and istiod takes ten seconds for an
 * entry.
 */
const SETTLED_MS = 60_000;

export interface WalkOptions {
  seed: number;
  steps: number;
  model: Model;
  /** Told of each step when it is settled. */
  say: (line: string) => void;
}

export async function walk(vm: AgentVm, { seed, steps, model, say }: WalkOptions): Promise<void> {
  const random = numbers(seed);
  const history: string[] = [];
  let before = await settled(vm, model, history);
  for (let number = 1; number <= steps; number++) {
    const context: StepContext = { vm, model, before, random };
    const step = draw(context);
    const name = `${number}. ${step.name}`;
    history.push(name);
    const begun = performance.now();
    const startsBefore = model.starts;
    const detail = await step.take(context);
    if (detail !== undefined) history.push(`   ${detail}`);
    const after = await settled(vm, model, history);
    if (model.starts === startsBefore && !model.down) {
      assert.deepEqual(after.processes, before.processes, `no process of Istio is another one: ${history.join('\n')}`);
    }
    const seconds = ((performance.now() - begun) / 1000).toFixed(1);
    say(`${name}${detail === undefined ? '' : `: ${detail}`} (${seconds} s)`);
    before = after;
  }
}

function draw(context: StepContext): Step {
  const possible = STEPS.filter(({ can }) => can?.(context) ?? true);
  let at = context.random(possible.reduce((sum, { weight }) => sum + weight, 0));
  for (const step of possible) {
    at -= step.weight;
    if (at < 0) return step;
  }
  throw new Error('no step can be taken');
}

/** Waits until nothing is wrong. A start that was not requested stays wrong for ever. */
async function settled(vm: AgentVm, model: Model, history: readonly string[]): Promise<Seen> {
  const observe = async () => {
    const seen = await look(vm);
    return { seen, wrong: problems(seen, model) };
  };
  try {
    return (await until('everything to be so', observe, SETTLED_MS, ({ wrong }) => wrong.length === 0)).seen;
  } catch (error) {
    const last = await observe();
    const journal = (await vm.journal()).split('\n').slice(-60).join('\n');
    throw new Error(
      `not settled within ${SETTLED_MS / 1000} s: ${last.wrong.join('; ')}\nthe walk:\n${history.join('\n')}\nthe agent:\n${journal}`,
      { cause: error },
    );
  }
}
