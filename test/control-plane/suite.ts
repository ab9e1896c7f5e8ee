/**
 * What the agent needs of the Kubernetes API, as one suite: the embedded API server and the real one are both held to
 * it.
 */
import { after, before, describe } from 'node:test';
import type { Fixture } from './fixture.ts';
import { agentPolicyCases } from './suite/agent-policy.ts';
import { entryCases } from './suite/entry.ts';
import { idleCases } from './suite/idle.ts';
import { leaseCases } from './suite/lease.ts';
import { resilienceCases } from './suite/resilience.ts';
import { rightsCases } from './suite/rights.ts';
import { stormCases } from './suite/storm.ts';
import { targetCases } from './suite/target.ts';
import { upgradeCases } from './suite/upgrade.ts';

/**
 * `open` gives an empty server; every case makes namespaces of its own in it. `more` are cases that only this server
 * can answer: admission policies, which the embedded one does not evaluate.
 */
export function controlPlaneSuite(
  name: string,
  open: () => Promise<Fixture>,
  more: readonly ((opened: () => Fixture) => void)[] = [],
): void {
  describe(name, () => {
    let fixture: Fixture | undefined;
    const opened = (): Fixture => {
      if (fixture === undefined) throw new Error('the fixture is not open');
      return fixture;
    };
    before(async () => {
      fixture = await open();
      await fixture.admin.applyAll(fixture.istioDefinitions);
    });
    after(() => fixture?.close());
    targetCases(opened);
    upgradeCases(opened);
    agentPolicyCases(opened);
    entryCases(opened);
    leaseCases(opened);
    idleCases(opened);
    rightsCases(opened);
    for (const cases of more) cases(opened);
    stormCases(opened);
    resilienceCases(opened);
  });
}
