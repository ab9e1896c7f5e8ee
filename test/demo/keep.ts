/** `--keep`: the machine keeps running until Ctrl-C, with commands to try. */
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ENTRY } from '../sandbox/mesh.ts';
import type { Stage } from './stage.ts';

const KUBECTL = join(import.meta.dirname, 'kubectl-main.ts');
/** A patch that the control plane does not want yet. */
const NEXT = '1.31.3';

/** Never resolves. Rejects when `interrupted` does. */
export async function keep(stage: Stage, interrupted: Promise<never>): Promise<never> {
  const { machine, mesh, screen } = stage;
  await mesh.publish({ version: NEXT });
  const kubectl = join(machine.root, 'usr/bin/kubectl');
  const server = [mesh.api.url, mesh.api.rights.adminToken, join(machine.paths.credentials, 'ca.crt')];
  await writeFile(kubectl, `#!/bin/sh\nexec '${[process.execPath, KUBECTL, ...server].join("' '")}' "$@"\n`);
  await chmod(kubectl, 0o755);
  screen.plain(`
The machine keeps running, and its journal is printed here. In another terminal:

  export SMM_ROOT=${machine.root}
  export PATH=$SMM_ROOT/usr/bin:$PATH          # the systemctl, journalctl, smm-agent and kubectl of the machine

  smm-agent status
  smm-agent reconcile --dry-run                # what the agent would do, and why
  kubectl get workloadentry ${ENTRY}    # what the cluster knows of this machine
  kubectl get leases
  kubectl upgrade default ${NEXT}               # the control plane: the agent stages it
  systemctl stop istio                         # restarts Istio into the staged release
  kubectl label namespace shop istio.io/rev=canary
  systemctl kill --signal=SEGV istio           # a crash
  smm-agent hold; smm-agent unhold
  systemctl restart smm-agent                  # Istio is not touched
  smm-agent history                            # what was changed here
  smm-agent rollback                           # to the version before; smm-agent retry takes this version again
  journalctl -u smm-agent -n 5

Ctrl-C ends the demo and leaves nothing behind.
`);
  return interrupted;
}
