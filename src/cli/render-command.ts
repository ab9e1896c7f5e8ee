/** The command `smm-agent render`; src/cli/render.ts does the work. */

import { type CommandSpec, parseArguments, usageError } from '../base/cli/arguments.ts';
import { EXIT } from '../base/cli/exit-codes.ts';
import { type Io, requireRoot } from '../base/cli/io.ts';
import { AgentError } from '../base/errors.ts';
import type { VmInputs } from '../istio/configuration/inputs.ts';
import type { LocalConfiguration } from '../istio/configuration/local.ts';
import { configHere, controlPlaneHere } from '../operator/without-daemon.ts';
import { render } from './render.ts';

export const spec = {
  name: 'render',
  summary: "write the VM's configuration, as istioctl would, to a folder",
  forms: ['--output <folder> [--from <objects.json>]'],
  description: `Writes cluster.env, mesh.yaml, hosts and root-cert.pem, with the names that "istioctl x workload entry configure"
uses, without the token. No file that Istio uses is changed.

Without --from: renders this machine's WorkloadGroup, with istio.env and istio.mesh of agent.yaml merged in.
With --from: renders the objects in that file alone; neither a cluster nor agent.yaml is needed.`,
  options: {
    output: {
      type: 'string',
      short: 'o',
      value: '<folder>',
      help: 'write to this folder; it is made if it is missing',
    },
    from: {
      type: 'string',
      value: '<objects.json>',
      help: 'a JSON file with workloadGroup, mesh, injectorValues, rootCert, gateway, ...',
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
  requireRoot(io, spec.name, 'without --from the command needs the token for the control plane');
  const { paths } = io;
  const config = await configHere(paths);
  const local: LocalConfiguration = config.istio;
  const controlPlane = await controlPlaneHere(paths, config);
  const inputs = async (): Promise<VmInputs> => {
    const target = await controlPlane.target('fresh');
    // A machine that keeps its own configuration does not need the missing objects; a rendering does.
    const [lacking] = target.answer === 'wanted' ? Object.values(target.inputs.lacking ?? {}) : [target.reason];
    if (target.answer === 'wanted' && lacking === undefined) return target.inputs;
    const remedy = 'smm-agent status shows the details; --from <objects.json> renders without a cluster';
    throw new AgentError('SMM216', `cannot render: ${lacking}`, remedy);
  };
  try {
    return await render({ output }, inputs, local);
  } finally {
    controlPlane.close();
  }
}
