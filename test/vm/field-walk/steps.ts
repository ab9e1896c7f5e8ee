/**
 * What happens to a machine in the field. Each step says when it can be taken, does it, and tells the model what it
 * grants.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type AgentVm, upgradeControlPlane } from '../agent-vm.ts';
import type { Seen } from './look.ts';
import { type Model, VERSIONS, type Version } from './model.ts';

export interface StepContext {
  vm: AgentVm;
  model: Model;
  /** As it was settled before this step. */
  before: Seen;
  /** A number from 0 up to, and without, `below`. */
  random: (below: number) => number;
}

export interface Step {
  name: string;
  /** How often it is drawn, in relation to the others. */
  weight: number;
  can?: (context: StepContext) => boolean;
  /** Returns what it did in particular, for the log. */
  take: (context: StepContext) => Promise<string | undefined>;
}

const OUTAGE_MS = 4_000;
const isUp = ({ model }: StepContext) => !model.down;
const isPending = ({ before }: StepContext) => before.next.id !== before.active.id;

function pick<T>(from: readonly T[], random: StepContext['random']): T {
  return from[random(from.length)] as T;
}

/** The step started Istio: Istio connects, and istiod makes its entry. */
function started(model: Model): void {
  model.starts++;
  model.down = false;
  model.entryGone = false;
}

async function patchTarget({ vm, model, random }: StepContext): Promise<Version> {
  const others = (Object.keys(VERSIONS) as Version[]).filter((version) => version !== model.versions[model.revision]);
  const version = pick(others, random);
  await upgradeControlPlane(vm.lab, model.revision, version);
  model.versions[model.revision] = version;
  return version;
}

const killAgent = (vm: AgentVm) => vm.machine.sh('systemctl kill -s KILL smm-agent');

async function stopIstio(context: StepContext): Promise<string> {
  const { vm, model } = context;
  const startsAgain = isPending(context);
  await vm.machine.sh('systemctl stop istio');
  // The documented way to switch: something else starts it again.
  if (startsAgain) started(model);
  else model.down = true;
  return startsAgain ? 'a release is staged: it starts again' : 'nothing is staged: it stays stopped';
}

export const STEPS: readonly Step[] = [
  { name: 'the control plane becomes another version', weight: 4, take: patchTarget },
  {
    name: 'the control plane becomes another version, and the agent is killed while it works',
    weight: 2,
    take: async (context) => {
      const version = await patchTarget(context);
      const afterMs = context.random(4000);
      await sleep(afterMs);
      await killAgent(context.vm);
      // A walk kills more often at the same package than any machine does: after the second time the agent leaves that
      // alone.
      await context.vm.machine.sh('smm-agent retry || :');
      return `${version}, killed after ${afterMs} ms`;
    },
  },
  {
    name: 'the namespace moves to the other revision',
    weight: 2,
    take: async ({ vm, model }) => {
      model.revision = model.revision === 'default' ? 'canary' : 'default';
      const [injection, rev] = model.revision === 'default' ? ['enabled', null] : [null, model.revision];
      const labels = { 'istio-injection': injection, 'istio.io/rev': rev };
      const path = `/api/v1/namespaces/${vm.namespace}`;
      await vm.lab.kube.kube('PATCH', path, { metadata: { labels } }, 'application/merge-patch+json');
      return model.revision;
    },
  },
  {
    name: 'an operator edits the WorkloadGroup',
    weight: 2,
    take: async ({ vm, model }) => {
      model.label = `walk-${Number(model.label.split('-')[1]) + 1}-`;
      const spec = { metadata: { labels: { walk: `${model.label}x` } } };
      const path = `/apis/networking.istio.io/v1/namespaces/${vm.namespace}/workloadgroups/${vm.group}`;
      await vm.lab.kube.kube('PATCH', path, { spec }, 'application/merge-patch+json');
      return model.label;
    },
  },
  {
    name: 'systemctl restart istio',
    weight: 2,
    can: isUp,
    take: async ({ vm, model }) => {
      await vm.machine.sh('systemctl restart istio');
      started(model);
      return undefined;
    },
  },
  {
    name: 'smm-agent restart-istio',
    weight: 2,
    can: (context) => isUp(context) && isPending(context),
    take: async ({ vm, model }) => {
      await vm.machine.sh('smm-agent restart-istio --if-pending', { timeoutMs: 90_000 });
      started(model);
      return undefined;
    },
  },
  { name: 'systemctl stop istio', weight: 3, can: isUp, take: stopIstio },
  {
    name: 'systemctl stop istio, with the agent dead',
    weight: 1,
    can: isUp,
    take: async (context) => {
      await context.vm.machine.sh('systemctl stop smm-agent');
      const said = await stopIstio(context);
      await context.vm.machine.sh('systemctl start smm-agent');
      return said;
    },
  },
  {
    name: 'systemctl start istio',
    weight: 8,
    can: (context) => !isUp(context),
    take: async ({ vm, model }) => {
      await vm.machine.sh('systemctl start istio');
      started(model);
      return undefined;
    },
  },
  {
    name: 'the agent is killed',
    weight: 2,
    take: async ({ vm }) => {
      await killAgent(vm);
      return undefined;
    },
  },
  {
    name: 'Envoy is killed',
    weight: 1,
    // A third end within a minute of its start is what a bad release looks like.
    can: (context) => isUp(context) && !isPending(context),
    take: async ({ vm, model, before }) => {
      const envoy = before.processes.find((process) => process.includes('/bin/envoy'))?.split(' ')[0];
      await vm.machine.sh(`kill -9 ${envoy}`);
      started(model);
      return `pid ${envoy}`;
    },
  },
  {
    name: 'the machine reboots',
    weight: 1,
    take: async ({ vm, model }) => {
      await vm.machine.reboot();
      started(model);
      return undefined;
    },
  },
  {
    name: 'the power is cut',
    weight: 1,
    take: async ({ vm, model }) => {
      await vm.machine.powerCut();
      started(model);
      return undefined;
    },
  },
  {
    name: 'the API server is away',
    weight: 2,
    take: async (context) => {
      const { vm, model, random } = context;
      const meanwhile = pick(['nothing', 'the agent is killed', 'systemctl restart istio'], random);
      await vm.lab.stopApiServer(pick(['SIGTERM', 'SIGKILL'] as const, random));
      try {
        if (meanwhile === 'the agent is killed') await killAgent(vm);
        if (meanwhile === 'systemctl restart istio' && isUp(context)) {
          await vm.machine.sh('systemctl restart istio');
          started(model);
        }
        await sleep(OUTAGE_MS);
      } finally {
        await vm.lab.startApiServer();
      }
      return `meanwhile: ${meanwhile}`;
    },
  },
  {
    name: 'an operator deletes the WorkloadEntry',
    weight: 1,
    can: (context) => isUp(context) && !context.model.entryGone,
    take: async ({ vm, model }) => {
      const path = `/apis/networking.istio.io/v1/namespaces/${vm.namespace}/workloadentries`;
      await vm.lab.kube.kube('DELETE', `${path}/${vm.group}-${vm.machine.address}`);
      model.entryGone = true;
      return undefined;
    },
  },
  {
    name: 'an operator holds the machine, or lets it go',
    weight: 3,
    take: async ({ vm, model }) => {
      model.held = !model.held;
      await vm.machine.sh(`smm-agent ${model.held ? 'hold' : 'unhold'}`);
      return model.held ? 'hold' : 'unhold';
    },
  },
  {
    name: 'what is staged is damaged',
    weight: 2,
    can: (context) => isPending(context) && !context.model.held,
    take: async ({ vm, before, random }) => {
      // Another inode: files of the same content are shared by releases.
      const [file, damage] = pick(
        [
          ['bin/envoy', 'head -c 4000 F > F.new && chmod 0755 F.new && mv F.new F'],
          ['bin/pilot-agent', 'rm F'],
          ['cluster.env', ': > F.new && mv F.new F'],
          ['mesh', 'printf "a: [b" > F.new && mv F.new F'],
          ['release.json', 'rm F'],
        ] as const,
        random,
      );
      const path = `/opt/smm-agent/istio/releases/${before.next.id}/${file}`;
      await vm.machine.sh(damage.replaceAll('F', path));
      return damage.replaceAll('F', file);
    },
  },
];
