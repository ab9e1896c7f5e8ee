/** What must be so within a minute after each step of a walk, for any step. */
import type { KubeObject } from '../lab/mesh/kube.ts';
import type { Seen } from './look.ts';
import type { Model } from './model.ts';

/** Every sentence is one thing that is not as it must be. */
export function problems(seen: Seen, model: Model): string[] {
  return [...unitProblems(seen, model), ...targetProblems(seen, model), ...reportProblems(seen, model)];
}

function unitProblems({ activeState, runs, active, starts, jumps, chains }: Seen, model: Model): string[] {
  const found: string[] = [];
  const must = (isSo: boolean, what: string) => {
    if (!isSo) found.push(what);
  };
  if (model.down) {
    must(activeState === 'inactive', `istio.service stays stopped, and is ${activeState}`);
    must(runs === null, `nothing of Istio runs, and ${runs} does`);
    must(chains === 0, `no chain of Istio is left, and ${chains} are`);
    must(jumps.length === 0, `no jump is left: ${jumps.join()}`);
  } else {
    must(activeState === 'active', `istio.service is active, and is ${activeState}`);
    must(runs === active.id, `Envoy runs from the active release ${active.id}, and from ${runs}`);
    // One set of rules: each jump once.
    must(new Set(jumps).size === jumps.length, `a jump stands twice: ${jumps.join()}`);
    const kinds = new Set(jumps.map((jump) => jump.split('/')[0]));
    must(kinds.size === 1, `the rules are of one kind of iptables: ${jumps.join()}`);
    must(
      jumps.some((jump) => jump.endsWith('/nat/PREROUTING>ISTIO_INBOUND')),
      `inbound traffic is redirected: ${jumps.join()}`,
    );
    must(
      jumps.some((jump) => jump.endsWith('/nat/OUTPUT>ISTIO_OUTPUT')),
      `outbound traffic is redirected: ${jumps.join()}`,
    );
  }
  must(starts === model.starts, `istio.service was started ${model.starts} times, and was ${starts} times`);
  return found;
}

function targetProblems({ active, next, nextIsWhole, mesh }: Seen, model: Model): string[] {
  if (model.held) {
    return next.id === active.id ? [] : [`a held machine has nothing staged, and has ${next.id}`];
  }
  const version = model.versions[model.revision];
  const found: string[] = [];
  if (next.istioVersion !== version) found.push(`Istio ${version} is staged or active, and is ${next.istioVersion}`);
  if (next.revision !== model.revision) found.push(`of revision ${model.revision}, and is ${next.revision}`);
  if (!mesh.includes(model.label)) found.push(`the mesh file of ${next.id} has label ${model.label}`);
  if (!nextIsWhole) found.push(`release ${next.id} is whole`);
  return found;
}

function reportProblems({ runs, active, next, status, entry, lease }: Seen, model: Model): string[] {
  const found: string[] = [];
  const says = (who: string, what: string, actual: unknown, wanted: unknown) => {
    if (actual !== wanted) found.push(`${who} says ${what}=${String(wanted)}, and says ${String(actual)}`);
  };
  const pending = (runs ?? active.id) !== next.id;
  says('status', 'pending', status?.restart.pending, pending ? 'yes' : 'no');
  says('status', 'running', status?.istio.running?.id ?? null, runs);
  says('status', 'staged', status?.istio.staged?.id ?? active.id, next.id);
  // It is never "ready" while Istio does not run.
  says('status', 'state', status?.agent.state, model.held ? 'held' : model.down ? 'waiting' : 'ready');
  const annotation = (key: string) => lease?.metadata.annotations[`smm-agent.io/${key}`];
  says('the Lease', 'restart-pending', annotation('restart-pending'), pending ? 'yes' : 'no');
  if (model.down || model.entryGone) return found;
  const condition = (type: string) =>
    (entry?.status?.conditions ?? []).find((one: KubeObject) => one.type === type)?.status;
  says('the entry', 'Healthy', condition('Healthy'), 'True');
  says('the entry', 'IstioRestartPending', condition('IstioRestartPending'), pending ? 'True' : 'False');
  says('the entry', 'SmmAgent', condition('SmmAgent'), 'True');
  const codes = (entry?.status?.validationMessages ?? []).map(({ type }: KubeObject) => type.code);
  says('the entry', 'validation messages', codes.join(), pending ? 'SMM0001' : '');
  return found;
}
