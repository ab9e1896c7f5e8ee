/** A turn as it is seen at a terminal: a tick for each step, a cross for a failure, and progress of a long download. */
import type { TurnEvent } from '../agent/events.ts';
import type { Output } from './io.ts';

const MIB = 1024 * 1024;

export function showTurn(out: Output): (event: TurnEvent) => void {
  let progressShown = false;
  const line = (text: string) => {
    out.write(`${progressShown ? '\r\x1b[K' : ''}${text}\n`);
    progressShown = false;
  };
  return (event) => {
    switch (event.kind) {
      case 'learnt':
        return line(`✓ ${event.text}`);
      case 'begun':
        return line(`… ${event.step}: ${event.text}`);
      case 'done':
        return line(`✓ ${event.text}`);
      case 'failed':
        return line(`✗ ${event.text}\n  what to do: ${event.remedy}`);
      case 'not-done':
        return line(`- ${event.step}: ${event.text}`);
      case 'progress': {
        // Only a terminal can take a line back.
        if (!out.isTTY) return;
        const of = event.total === null ? '' : ` of ${(event.total / MIB).toFixed(1)}`;
        out.write(`\r\x1b[K  ${(event.bytes / MIB).toFixed(1)}${of} MiB`);
        progressShown = true;
        return;
      }
    }
  };
}
