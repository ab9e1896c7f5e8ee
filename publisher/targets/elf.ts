/** For which machine a program was made. */
import type { TargetArchitecture } from '../../src/downloads/targets.ts';

/** e_machine of ELF's header. */
const MACHINES: Record<number, TargetArchitecture> = { 62: 'amd64', 183: 'arm64' };
const MAGIC = Buffer.from([0x7f, 0x45, 0x4c, 0x46]);

/** Null for what is no program of the two, a script for example. */
export function architectureOf(head: Buffer): TargetArchitecture | null {
  if (head.length < 20 || !head.subarray(0, 4).equals(MAGIC)) return null;
  return MACHINES[head.readUInt16LE(18)] ?? null;
}
