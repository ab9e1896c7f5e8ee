/**
 * What must be so on a machine and in the cluster after everything that a walk has done, as far as people decide on it.
 */
import type { Revision } from '../lab/mesh/istiod.ts';

export const VERSIONS = { '1.30.5': '1.39.3', '1.31.0': '1.39.3', '1.31.1': '1.40.0' } as const;
export type Version = keyof typeof VERSIONS;

export interface Model {
  /** What istiod of each revision is. */
  versions: Record<Revision, Version>;
  /** Of the machine's namespace. */
  revision: Revision;
  held: boolean;
  /** An operator has stopped Istio with nothing pending: it stays down until an operator starts it. */
  down: boolean;
  /** The WorkloadEntry was deleted by an operator. istiod makes it again when Istio reconnects. */
  entryGone: boolean;
  /** The value of label `walk` in the WorkloadGroup. */
  label: string;
  /** Starts of istio.service so far: those that were requested, and those by systemd after a crash or a boot. */
  starts: number;
}

/** A source of numbers that gives the same ones for the same seed (mulberry32). */
export function numbers(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}
