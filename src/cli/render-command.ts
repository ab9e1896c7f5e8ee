/** `smm-agent render`, as it is typed: src/cli/render.ts does it. */

import { type CommandSpec, parseArguments, usageError } from '../base/cli/arguments.ts';
import { EXIT } from '../base/cli/exit-codes.ts';
import { type Io, requireRoot } from '../base/cli/io.ts';
import { AgentError } from '../base/errors.ts';
import type { VmInputs } from '../istio/configuration/inputs.ts';
import type { LocalConfiguration } from '../istio/configuration/local.ts';
import { render } from './render.ts';

export const spec = {
  name: 'render',
  summary: "write the VM's configuration, as istioctl would, to a folder",
  forms: ['--output <folder> [--from <objects.json>]'],
  description: `Writes cluster.env, mesh.yaml, hosts and root-cert.pem, named as "istioctl x workload entry configure" names them, without the
token. Nothing that Istio uses is changed.

Without --from: of this machine's WorkloadGroup, with istio.env and istio.mesh of agent.yaml merged in.
With --from: of the objects in that file alone; neither a cluster nor agent.yaml is needed.`,
  options: {
    output: {
      type: 'string',
      short: 'o',
      value: '<folder>',
      help: 'write there; the folder is made where it is missing',
    },
    from: {
      type: 'string',
      value: '<objects.json>',
      help: 'take JSON with workloadGroup, mesh, injectorValues, rootCert, gateway, ...',
    },
  },
} as const satisfies CommandSpec;

export async function run(args: readonly string[], io: Io): Promise<number> {
  const { values } = parseArguments(spec, args, { min: 0, max: 0 });
  const { output, from } = values;
  if (output === undefined) throw usageError(spec, 'cannot render without --output');
  const files =
    from === undefined
      ? await renderOwn(output, io)
      : await render({ output, from }, () => Promise.reject(new Error('unused')), { env: {}, mesh: {} });
  for (const file of files) io.stdout.write(`${file}\n`);
  return EXIT.ok;
}

async function renderOwn(output: string, io: Io): Promise<string[]> {
  const { configHere, controlPlaneHere } = await import('../operator/without-daemon.ts');
  requireRoot(io, spec.name, 'without --from it needs the token of the control plane');
  const { paths } = io;
  const config = await configHere(paths);
  const local: LocalConfiguration = config.istio;
  const controlPlane = await controlPlaneHere(paths, config);
  const inputs = async (): Promise<VmInputs> => {
    const target = await controlPlane.target('anew');
    // A machine that keeps its own configuration goes on without what is lacking; a rendering does not.
    const [lacking] = target.answer === 'wanted' ? Object.values(target.inputs.lacking ?? {}) : [target.reason];
    if (target.answer === 'wanted' && lacking === undefined) return target.inputs;
    const remedy = 'smm-agent status says more; --from <objects.json> renders without a cluster';
    throw new AgentError('SMM216', `cannot render: ${lacking}`, remedy);
  };
  try {
    return await render({ output }, inputs, local);
  } finally {
    controlPlane.close();
  }
}
