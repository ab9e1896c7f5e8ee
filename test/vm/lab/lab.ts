/**
 * The handle by which a test file uses the lab that the global setup started. Plain data from a file: each test file is
 * a process.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ledger } from './host/ledger.ts';
import { isAlive, type ProcessIdentity } from './host/process-identity.ts';
import { type ApiServer, bringUp, takeDown } from './mesh/api-server.ts';
import { connectedTo, type Revision } from './mesh/istiod.ts';
import { Kube } from './mesh/kube.ts';
import { Tunnel } from './mesh/tunnel.ts';

/** Names the file with the LabState: set by the global setup for the test files. */
export const LAB_VARIABLE = 'SMM_LAB_STATE';

export interface LabState {
  readonly id: string;
  readonly folder: string;
  /** The process that will take the lab down: the test runner. */
  readonly owner: ProcessIdentity;
  /** The control plane's network namespace. */
  readonly netns: string;
  readonly server: ApiServer;
  readonly parts: { readonly istioModuleDir: string; readonly rootfs: string };
}

export class Lab {
  readonly state: LabState;
  readonly ledger: Ledger;
  readonly tunnel: Tunnel;
  readonly kube: Kube;

  constructor(state: LabState) {
    this.state = state;
    this.ledger = new Ledger(state.folder);
    this.tunnel = new Tunnel(relaySocket(state.folder));
    this.kube = new Kube(this.tunnel, state.server);
  }

  connectedTo(revision: Revision): Promise<number> {
    return connectedTo(this.tunnel, revision);
  }

  stopApiServer(how: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    return takeDown(this.state.server, how);
  }

  startApiServer(): Promise<void> {
    return bringUp(this.ledger, this.tunnel, this.state.server);
  }
}

export function openLab(): Lab {
  const file = process.env[LAB_VARIABLE];
  if (file === undefined) {
    throw new Error(
      'cannot open the lab: run the tests with --test-global-setup=test/vm/lab/setup.ts, which starts it',
    );
  }
  const state = JSON.parse(readFileSync(file, 'utf8')) as LabState;
  endWith(state.owner);
  return new Lab(state);
}

/** A test file whose runner was killed would go on making machines in a lab that is being cleaned up. */
function endWith(owner: ProcessIdentity): void {
  setInterval(() => {
    if (isAlive(owner)) return;
    process.stderr.write('the owner of the lab has ended, and so do its tests\n');
    process.exit(1);
  }, 500).unref();
}

export function relaySocket(folder: string): string {
  return join(folder, 'relay.sock');
}
