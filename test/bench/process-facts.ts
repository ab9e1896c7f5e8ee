/** Memory and CPU time of a process, as the kernel counts them. */
import { readdirSync, readFileSync } from 'node:fs';

export interface ProcessFacts {
  rssKb: number;
  /** Memory without a file behind it: heaps and stacks. */
  anonymousKb: number;
  /** CPU time of all its threads since its start, in milliseconds. */
  cpuMs: number;
  /** CPU time of its children that have ended, in milliseconds, to the nearest ten. */
  childrenCpuMs: number;
}

/** Throws if the process has ended. */
export function factsOf(pid: number): ProcessFacts {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const kb = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(rollup)?.[1] ?? Number.NaN);
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const tickMs = 10;
  const cpuNs = readdirSync(`/proc/${pid}/task`)
    .map((task) => Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]))
    .reduce((sum, ns) => sum + ns, 0);
  return {
    rssKb: kb('Rss'),
    anonymousKb: kb('Anonymous'),
    cpuMs: cpuNs / 1e6,
    childrenCpuMs: (Number(fields[13]) + Number(fields[14])) * tickMs,
  };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  if (low === undefined || high === undefined) throw new Error('cannot compute the median of an empty list');
  return (low + high) / 2;
}
