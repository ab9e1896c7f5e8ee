/** The measured cost of an upgrade of the agent, as rows. Pure. */
import { median } from './process-facts.ts';
import { ms, type Row } from './results.ts';
import type { Upgrade, Upgrades } from './upgrade.ts';

const MOST_BYTES = 1.5e6;
const MOST_MS = 2000;
const MOST_TIMES_IDLE = 1.5;

export function upgradeRows({ kept, exchanged }: Upgrades): Row[] {
  return [
    {
      what: 'upgrade of the agent, downloaded',
      measured: megabytes(kept),
      reference: `with a new Node: ${megabytes(exchanged)}`,
      target: `at most ${MOST_BYTES / 1e6} MB`,
      isMet: kept.every(({ bytes }) => bytes <= MOST_BYTES),
    },
    ...timeRows('upgrade of the agent', kept),
    ...timeRows('the same with a new Node', exchanged),
    peakRow('memory while it upgrades', kept),
    peakRow('the same with a new Node', exchanged),
  ];
}

function timeRows(what: string, upgrades: readonly Upgrade[]): Row[] {
  const typical = (fact: (upgrade: Upgrade) => number) => median(upgrades.map(fact));
  const besideMs = typical(({ totalMs, downloadMs }) => totalMs - downloadMs);
  return [
    {
      what: `${what}, poll to READY`,
      measured: ms(typical(({ totalMs }) => totalMs)),
      reference: `curl, sha256sum, Zstandard, tar and sync: ${ms(typical(({ toolsMs }) => toolsMs))}`,
      target: '',
      isMet: null,
    },
    {
      what: `${what}, beside the download`,
      measured: ms(besideMs),
      reference: `restart to READY: ${ms(typical(({ restartMs }) => restartMs))}`,
      target: `within ${MOST_MS} ms`,
      isMet: besideMs <= MOST_MS,
    },
  ];
}

/** The worst round counts. */
function peakRow(what: string, upgrades: readonly Upgrade[]): Row {
  const most = (fact: (upgrade: Upgrade) => number) => Math.max(...upgrades.map(fact));
  const times = most(({ peakKb, idleKb }) => peakKb / idleKb);
  const idleKb = median(upgrades.map((upgrade) => upgrade.idleKb));
  return {
    what: `${what}, at most`,
    measured: `${inMb(most(({ peakKb }) => peakKb))}, ${times.toFixed(2)} x`,
    reference: `idle ${inMb(idleKb)}; its child for the self-check ${inMb(most(({ selfCheckKb }) => selfCheckKb))}`,
    target: `at most ${MOST_TIMES_IDLE} x`,
    isMet: times <= MOST_TIMES_IDLE,
  };
}

function megabytes(upgrades: readonly Upgrade[]): string {
  return `${(Math.max(...upgrades.map(({ bytes }) => bytes)) / 1e6).toFixed(2)} MB`;
}

/** Memory in units of 1024 KB, as in the other rows. */
function inMb(kb: number): string {
  return `${(kb / 1024).toFixed(1)} MB`;
}
