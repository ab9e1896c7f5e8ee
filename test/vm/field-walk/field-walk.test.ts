/**
 * A random walk over one machine of a real mesh. SMM_WALK_SEED and SMM_WALK_STEPS take another one; the steps are in
 * field-walk/steps.ts, what must be so after each of them in field-walk/invariants.ts.
 */
import { after, before, describe, it } from 'node:test';
import { AgentVm, upgradeControlPlane } from '../agent-vm.ts';
import type { Lab } from '../lab/lab.ts';
import { startOwnLab } from '../lab/mesh/control-plane.ts';
import { look } from './look.ts';
import { type Model, VERSIONS, type Version } from './model.ts';
import { walk } from './walk.ts';

const SEED = Number(process.env.SMM_WALK_SEED ?? 1);
const STEPS = Number(process.env.SMM_WALK_STEPS ?? 60);

describe('a machine in the field', () => {
  let lab: Lab;
  let end: () => Promise<void>;
  let vm: AgentVm;
  let model: Model;

  before(async () => {
    ({ lab, end } = await startOwnLab());
    vm = await AgentVm.make(lab, {
      name: 'field',
      version: '1.31.0',
      envoy: '1.39.3',
      prepare: async (machine) => {
        // As on any machine whose Istio comes back after a reboot.
        await machine.sh('systemctl enable istio');
        const path = '/apis/networking.istio.io/v1/namespaces/vm-apps/workloadgroups/reviews-field';
        const spec = { metadata: { labels: { walk: 'walk-0-x' } } };
        await lab.kube.kube('PATCH', path, { spec }, 'application/merge-patch+json');
      },
      settings: [
        ['istio.configuration', 'render'],
        // Each restart would wait five seconds for connections of which there are none.
        ['istio.mesh.terminationDrainDuration', '0.5s'],
      ],
    });
    for (const version of Object.keys(VERSIONS) as Version[]) await vm.publish(version, VERSIONS[version]);
    await upgradeControlPlane(lab, 'canary', '1.31.1');
    await vm.until('the rendered configuration to be staged', ({ restart }) => restart.pending === 'yes');
    await vm.machine.sh('smm-agent restart-istio', { timeoutMs: 90_000 });
    await vm.running('1.31.0');
    model = {
      versions: { default: '1.31.0', canary: '1.31.1' },
      revision: 'default',
      held: false,
      down: false,
      entryGone: false,
      label: 'walk-0-',
      starts: (await look(vm)).starts,
    };
  });
  after(async () => {
    await vm?.end();
    await end?.();
  });

  it(`is as it must be after each of ${STEPS} steps of walk ${SEED}`, async (t) => {
    await walk(vm, { seed: SEED, steps: STEPS, model, say: (line) => t.diagnostic(line) });
  });
});
