/** The measurements as rows with a reference and a target. Pure. */
import type { Growths } from './growth.ts';
import type { Pair } from './idle.ts';
import { median } from './process-facts.ts';
import type { Staging } from './staging.ts';

export interface Row {
  what: string;
  measured: string;
  /** What the measurement is compared with; may be empty. */
  reference: string;
  /** Empty if there is none. */
  target: string;
  /** null if there is no target. */
  isMet: boolean | null;
}

export function idleRows(pairs: readonly Pair[]): Row[] {
  const of = (side: 'agent' | 'floor', fact: keyof Pair['agent']) => median(pairs.map((pair) => pair[side][fact]));
  const ratio = (what: string, fact: 'rssMb' | 'anonymousMb', most: number): Row => {
    const times = median(pairs.map(({ agent, floor }) => agent[fact] / floor[fact]));
    return {
      what,
      measured: `${of('agent', fact).toFixed(1)} MB, ${times.toFixed(2)} x`,
      reference: `floor ${of('floor', fact).toFixed(1)} MB`,
      target: `at most ${most} x`,
      isMet: times <= most,
    };
  };
  return [
    ratio('idle memory, resident (RSS)', 'rssMb', 1.35),
    ratio('idle memory, anonymous', 'anonymousMb', 1.6),
    {
      what: 'CPU while idle, each minute',
      measured: `${ms(of('agent', 'cpuMsPerMinute'))}, and ${ms(of('agent', 'childrenCpuMsPerMinute'))} of its programs`,
      reference: `floor ${ms(of('floor', 'cpuMsPerMinute'))}`,
      target: '',
      isMet: null,
    },
  ];
}

export function growthRows({ whole, replayed, idlePoll, fullLook }: Growths): Row[] {
  const cost = ({ requests, bytes }: typeof idlePoll) => `${requests} requests, ${(bytes / 1024).toFixed(1)} KB`;
  return [
    {
      what: `growth over ${thousands(replayed.turns)} polls, without disk and network`,
      measured: `${(replayed.grownBytes / 1e6).toFixed(2)} MB`,
      reference: '',
      target: 'below 1 MB',
      isMet: replayed.grownBytes < 1e6,
    },
    {
      what: `growth over ${thousands(whole.turns)} polls, with everything`,
      measured: `${(whole.grownBytes / 1e6).toFixed(2)} MB`,
      reference: '',
      target: 'below 1 MB',
      isMet: whole.grownBytes < 1e6,
    },
    {
      what: 'an idle poll, heartbeat included',
      measured: cost(idlePoll),
      reference: `every tenth: ${cost(fullLook)}`,
      target: 'at most 4 requests, 8 KB',
      isMet: idlePoll.requests <= 4 && idlePoll.bytes <= 8 * 1024,
    },
  ];
}

export function stagingRow({ packageMb, agentMs, shellMs }: Staging): Row {
  const times = median(agentMs.map((agent, round) => agent / (shellMs[round] ?? Number.NaN)));
  return {
    what: `staging a package of ${packageMb.toFixed(0)} MB`,
    measured: `${ms(median(agentMs))}, ${times.toFixed(2)} x`,
    reference: `curl, sha256sum, dpkg-deb -x and sync: ${ms(median(shellMs))}`,
    target: 'at most 1.15 x',
    isMet: times <= 1.15,
  };
}

export function startRow(times: readonly number[]): Row {
  const typical = median(times);
  return {
    what: 'start to READY',
    measured: ms(typical),
    reference: `slowest of ${times.length}: ${ms(Math.max(...times))}`,
    target: 'within 1000 ms',
    isMet: typical <= 1000,
  };
}

/** A table in Markdown. Each column is as wide as its widest cell. */
export function table(rows: readonly Row[]): string {
  const verdict = ({ isMet }: Row) => (isMet === null ? '' : isMet ? 'met' : 'MISSED');
  const lines = [
    ['what', 'measured', 'reference', 'target', ''],
    ...rows.map((row) => [row.what, row.measured, row.reference, row.target, verdict(row)]),
  ];
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(3, ...lines.map((cells) => cells[column]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const [head = [], ...body] = lines;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('\n');
}

export function ms(value: number): string {
  return `${value.toFixed(value < 10 ? 1 : 0)} ms`;
}

function thousands(count: number): string {
  return count.toLocaleString('en-US');
}
