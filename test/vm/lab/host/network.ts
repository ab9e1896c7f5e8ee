/**
 * The lab's network: namespaces and a bridge in the control plane's. Links are made with both ends already inside, so
 * that the host's own network never sees an interface of the lab, and two runs can use the same addresses and names
 * side by side.
 */
import type { Ledger } from './ledger.ts';
import { must } from './run.ts';

export const CONTROL_PLANE_ADDRESS = '10.77.0.1';
const PREFIX = 24;
const BRIDGE = 'br0';
const GUEST_INTERFACE = 'eth0';

export function guestAddress(number: number): string {
  return `10.77.0.${number}`;
}

export async function makeControlPlaneNetwork(ledger: Ledger, netns: string): Promise<void> {
  await makeNamespace(ledger, netns);
  await ip(netns, 'link', 'add', BRIDGE, 'type', 'bridge');
  await ip(netns, 'addr', 'add', `${CONTROL_PLANE_ADDRESS}/${PREFIX}`, 'dev', BRIDGE);
  await ip(netns, 'link', 'set', BRIDGE, 'up');
}

/** A namespace for a machine with its eth0 plugged into the control plane's bridge. */
export async function makeGuestNetwork(
  ledger: Ledger,
  netns: string,
  controlPlane: string,
  number: number,
): Promise<() => Promise<void>> {
  const remove = await makeNamespace(ledger, netns);
  const port = `vm${number}`;
  await must([
    'ip',
    'link',
    'add',
    port,
    'netns',
    controlPlane,
    'type',
    'veth',
    'peer',
    'name',
    GUEST_INTERFACE,
    'netns',
    netns,
  ]);
  await ip(controlPlane, 'link', 'set', port, 'master', BRIDGE, 'up');
  await ip(netns, 'link', 'set', GUEST_INTERFACE, 'up');
  await addGuestAddress(netns, number);
  return remove;
}

export async function addGuestAddress(netns: string, number: number): Promise<void> {
  await ip(netns, 'addr', 'replace', `${guestAddress(number)}/${PREFIX}`, 'dev', GUEST_INTERFACE);
  await ip(netns, 'route', 'replace', 'default', 'via', CONTROL_PLANE_ADDRESS);
}

/** The machine then has no address but loopback's, as one whose DHCP server does not answer. */
export async function removeGuestAddress(netns: string): Promise<void> {
  await ip(netns, 'addr', 'flush', 'dev', GUEST_INTERFACE);
}

async function makeNamespace(ledger: Ledger, netns: string): Promise<() => Promise<void>> {
  const remove = ledger.add({ kind: 'netns', name: netns });
  await must(['ip', 'netns', 'add', netns]);
  await ip(netns, 'link', 'set', 'lo', 'up');
  return remove;
}

async function ip(netns: string, ...args: string[]): Promise<void> {
  await must(['ip', '-n', netns, ...args]);
}
