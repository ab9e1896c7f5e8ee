/** The line of /etc/hosts by which the VM finds istiod: the east-west gateway's address and istiod's name. */
import { isIP } from 'node:net';

type Json = Readonly<Record<string, unknown>>;

export interface GatewayAddress {
  /** Null when the gateway has no IP address. */
  ip: string | null;
  /** The gateway's host name, if it has only that: the caller may resolve it. */
  hostname: string | null;
}

/** One line for the hosts file; `ip` is trusted to be an address. */
export function hostsLine(ip: string, host: string): string {
  return `${ip} ${host}\n`;
}

/**
 * The given address if it is one, else the first entry of the load balancer's status; `spec.externalIPs` counts only
 * when that list is empty. As in istioctl, a first entry without an IP hides everything after it.
 */
export function gatewayAddress(given: string, gateway: Json | null | undefined): GatewayAddress {
  if (isAddress(given)) return { ip: given, hostname: null };
  const ingress = list(child(child(gateway, 'status'), 'loadBalancer'), 'ingress');
  const external = list(child(gateway, 'spec'), 'externalIPs');
  const [first] = ingress;
  const ip = ingress.length > 0 ? text(first, 'ip') : String(external[0] ?? '');
  if (isAddress(ip)) return { ip, hostname: null };
  return { ip: null, hostname: text(first, 'hostname') || null };
}

/** Without leading zeros, as in Go's netip; an address cannot hold a line end. */
function isAddress(value: string): boolean {
  return isIP(value) !== 0;
}

function child(object: unknown, key: string): unknown {
  return isObject(object) ? object[key] : undefined;
}

function list(object: unknown, key: string): unknown[] {
  const value = child(object, key);
  return Array.isArray(value) ? value : [];
}

function text(object: unknown, key: string): string {
  const value = child(object, key);
  return typeof value === 'string' ? value : '';
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null;
}
