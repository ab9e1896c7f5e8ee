/** The most memory that a process and one of its children used: VmHWM of the kernel, read until the process ends. */
import { readFileSync, writeFileSync } from 'node:fs';
import { hasCode } from '../../src/host/files/file-errors.ts';

const SAMPLE_MS = 4;

export class Peak implements Disposable {
  /** The peak of the process. */
  ownKb = 0;
  /** The peak of the largest child that has the word in its command line. */
  childKb = 0;
  readonly #pid: number;
  readonly #childWord: string;
  #timer: NodeJS.Timeout | null = null;

  /** `childWord` excludes a fork before its exec, which still counts the memory of its parent. */
  constructor(pid: number, childWord: string) {
    this.#pid = pid;
    this.#childWord = childWord;
  }

  /** Resets the peak first, because a start needs more memory than the time after it. */
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

/** The content of a file of procfs; empty for a process that has ended. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'ESRCH')) return '';
    throw error;
  }
}
