/** How much memory a process, and one of its children, held at most: as the kernel counts it (VmHWM), read until the process ends. */
import { readFileSync, writeFileSync } from 'node:fs';
import { hasCode } from '../../src/host/files/file-errors.ts';

const SAMPLE_MS = 4;

export class Peak implements Disposable {
  /** Of the process itself. */
  ownKb = 0;
  /** Of the largest of its children with the word in their command line. */
  childKb = 0;
  readonly #pid: number;
  readonly #childWord: string;
  #timer: NodeJS.Timeout | null = null;

  /** `childWord` tells a child from a fork that has yet to become one, which still counts the memory of its parent. */
  constructor(pid: number, childWord: string) {
    this.#pid = pid;
    this.#childWord = childWord;
  }

  /** What was before is forgotten: a start needs more than what follows. */
  begin(): this {
    writeFileSync(`/proc/${this.#pid}/clear_refs`, '5');
    this.#timer = setInterval(() => this.#sample(), SAMPLE_MS);
    return this;
  }

  [Symbol.dispose](): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  #sample(): void {
    this.ownKb = Math.max(this.ownKb, peakKb(this.#pid));
    for (const child of read(`/proc/${this.#pid}/task/${this.#pid}/children`).split(' ').filter(Boolean)) {
      if (!read(`/proc/${child}/cmdline`).split('\0').includes(this.#childWord)) continue;
      this.childKb = Math.max(this.childKb, peakKb(Number(child)));
    }
  }
}

function peakKb(pid: number): number {
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0);
}

/** Empty for a process that has ended. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'ESRCH')) return '';
    throw error;
  }
}
