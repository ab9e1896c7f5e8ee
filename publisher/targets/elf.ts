/** The architecture that a program was built for. */
import type { TargetArchitecture } from '../../src/downloads/targets.ts';

/** e_machine of ELF's header. */
const MACHINES: Record<number, TargetArchitecture> = { 62: 'amd64', 183: 'arm64' };
const MAGIC = Buffer.from([0x7f, 0x45, 0x4c, 0x46]);

/** Null for anything but a program of the two, for example a script. */
export function architectureOf(head: Buffer): TargetArchitecture | null {
  if (head.length < 20 || !head.subarray(0, 4).equals(MAGIC)) return null;
  return MACHINES[head.readUInt16LE(18)] ?? null;
}
